"""What the Python host says of a recording, window by window, with the rounding of a C library."""

from types import SimpleNamespace

import numpy as np

from edge_runtime.common.counters import Counters
from edge_runtime.common.notices import Notices
from edge_runtime.inference.host_scoring import HostScoring
from edge_runtime.signal.missing import Repair, Rows
from edge_runtime.signal.only_when import Condition
from edge_runtime.signal.smoothing import Smoother
from edge_runtime.signal.windows import WindowBuffer
from edge_runtime.streaming.adaptation.tracking import tracker_of
from edge_runtime.streaming.alarm import AlarmLogic
from edge_runtime.streaming.alarm_settings import AlarmSettings
from edge_runtime.streaming.blame import SensorFacts
from export.c_library.library import ROUNDINGS
from export.c_library.selftest_source import network_runner


def python_results(model, rows, rounding="litert", alarm=None):
    """Return ``inputs``, ``codes``, ``score``, ``smoothed``, ``is_anomaly``, ``alarm``, ``shares``, per window."""
    host, spec = HostScoring.of(model), model.manifest.spec
    found, run = [[] for _ in range(7)], network_runner(model, ROUNDINGS[rounding], 1)
    with np.errstate(over="ignore", invalid="ignore"):
        for window, judge in _windows(spec, _repaired(rows, spec.sensor_names), alarm or AlarmSettings()):
            inputs = host.inputs(window[None])
            outputs = run(inputs)
            score = host.score(window[None], outputs)
            shares = host.contributions(window[None], outputs)[0]
            for column, value in zip(
                found, (inputs[0], outputs["codes"][0], score[0], *judge(score[0]), shares), strict=True
            ):
                column.append(value)
    return SimpleNamespace(**{name: np.array(column) for name, column in zip(
        ("inputs", "codes", "score", "smoothed", "is_anomaly", "alarm", "shares"), found, strict=True)})  # fmt: skip


def check_results(said, expected, steps=0):
    """Compare a C library's results with these: inputs and codes to the bit, scores to 1e-5 of a threshold or of them.

    What a float32 network gives may fall on the other side of the edge between two of the head's steps; few windows do.

    Parameters
    ----------
    steps : int or float
        How far inputs may be apart; where they are, nothing else is compared.
    """
    apart = np.abs(said["inputs"].astype(np.float64) - expected.inputs)
    alike = apart.max(axis=1) == 0 if said["inputs"].dtype == np.int8 else np.ones(len(apart), bool)
    assert apart.max() <= steps
    assert alike.mean() > 0.9
    codes = said["codes"][alike].astype(np.float64) - expected.codes[alike]
    assert np.abs(codes).max() <= (0 if said["inputs"].dtype == np.int8 else 1e-5)
    if alike.all():
        most = 1e-5 if said["inputs"].dtype == np.int8 else 1e-3
        for name in ("score", "smoothed"):
            theirs = getattr(expected, name)
            differ = np.abs(said[name] - theirs) / np.maximum(theirs, 1)
            assert (differ <= most).all(), name
            assert (differ <= 1e-5).mean() > 0.95, name
        np.testing.assert_array_equal(said["is_anomaly"] > 0, expected.is_anomaly)
        np.testing.assert_array_equal(said["alarm"] > 0, expected.alarm)
        # They sum to the score, of which a small one may be further from theirs than `most` of it.
        np.testing.assert_allclose(said["shares"], expected.shares, rtol=max(1e-4, most), atol=max(1e-5, most / 10))


def _windows(spec, rows, settings):
    """Yield each window as the network is to see it, and what takes its score."""
    preprocessing, tracker = spec.preprocessing, tracker_of(spec)
    buffer = WindowBuffer(preprocessing.window, preprocessing.stride, preprocessing.sensors)
    smoother, count = Smoother(spec.scoring.smoothing_span, 1.0), len(spec.sensors)
    logic = AlarmLogic(settings, SensorFacts(spec.sensor_names, ("",) * count, ()))
    condition = Condition(spec.only_when, spec.sensor_names) if spec.only_when else None
    time_s, highest = 0.0, np.inf

    def judge(score):
        nonlocal highest
        level = np.float32(smoother.update(float(score)))
        alarms, _ = logic.update_many(np.array([time_s]), level[None], np.ones(1, np.float32))
        if tracker is not None:
            highest = max(highest, min(level, np.float32(3.0))) if level > 1.0 else 0.0
            tracker.follow(row, quiet=bool(level <= max(1.0, highest / 2)))
        return level, level > 1.0, alarms[0]

    for row in rows:
        if condition is not None and not condition.is_on(row[None])[0]:
            buffer.clear()
            logic.interrupt(time_s)
            continue
        window = buffer.push(row)
        if window is not None:
            time_s += 1.0
            yield (window.copy() if tracker is None else tracker.as_trained(window)), judge


def _repaired(rows, names):
    repair = Repair("hold", names, Counters(), Notices(lambda _: None), str)
    return repair.push(Rows(np.arange(len(rows)), np.arange(float(len(rows))), np.asarray(rows, np.float32))).values
