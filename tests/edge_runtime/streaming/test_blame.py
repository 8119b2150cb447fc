"""What a blamed sensor reads and what was expected of it: in events, in results, and while mean and scale move."""

import json

import numpy as np
import pytest
from machines import SENSORS, pump_rows

from edge_runtime import Detector
from edge_runtime.signal.readings import Readings
from edge_runtime.sinks.text import event_json
from edge_runtime.streaming.judging import AdaptationSettings
from edge_runtime.streaming.monitor import Monitor
from edge_runtime.streaming.monitor_settings import MonitorSettings

PRESSURE = SENSORS.index("pressure")


@pytest.fixture(scope="module")
def detector(exported, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "pump.tflite"
    exported.write(path)
    return Detector.load(path)


@pytest.fixture(scope="module")
def odd():
    rows = pump_rows(300, seed=5).astype(np.float64)
    rows[200:220, PRESSURE] += 50_000
    return rows


def pushed(detector, rows, **settings):
    return Monitor(detector, MonitorSettings(**settings)).push(Readings(np.arange(len(rows), dtype=float), rows))


def test_alarm_tells_what_the_blamed_sensor_reads_and_what_was_expected(detector, odd):
    started = json.loads(event_json(pushed(detector, odd).events[0]))
    worst = started["blamed"][0]
    assert started["sensors"][0] == worst["sensor"] == "pressure"
    window = detector.spec.preprocessing.window
    first = int(np.flatnonzero(pushed(detector, odd).alarms)[0])
    seen = odd[first : first + window].astype(np.float32)
    assert worst["value"] == pytest.approx(seen[:, PRESSURE].mean(), rel=1e-5)
    assert worst["expected"] == pytest.approx(detector.expected_many(seen[None])[0, PRESSURE], rel=1e-5)
    assert worst["deviation"] == pytest.approx(detector.manifest.bands[PRESSURE], rel=1e-5)
    assert abs(worst["value"] - worst["expected"]) > 3 * worst["deviation"]
    assert worst["text"].startswith("pressure ")
    assert " ± " in worst["text"]


def test_only_scores_near_the_threshold_cost_expected_values(detector, odd):
    results = pushed(detector, odd)
    known = np.isfinite(results.expected).all(axis=1)
    near = results.scores > 0.8 * results.thresholds
    np.testing.assert_array_equal(known, near)
    assert 0 < known.sum() < len(known)


def test_every_score_is_explained_if_asked_for(detector, odd):
    results = pushed(detector, odd, explain="always")
    window = detector.spec.preprocessing.window
    windows = np.lib.stride_tricks.sliding_window_view(odd.astype(np.float32), window, axis=0).transpose(0, 2, 1)
    np.testing.assert_allclose(results.expected, detector.expected_many(windows), rtol=1e-5)
    np.testing.assert_allclose(results.levels, windows.mean(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(results.values, odd[window - 1 :].astype(np.float32))


def test_newest_quiet_window_has_expected_values_as_often_as_asked(detector, odd):
    quiet = odd[:50]
    monitor = Monitor(detector, MonitorSettings(expected_every_s=1e-9))
    found = [monitor.push(Readings(np.arange(first, first + 10.0), quiet[first : first + 10])) for first in (0, 10, 20)]
    known = [np.isfinite(results.expected).all(axis=1) for results in found]
    assert all(one[-1] and not one[:-1].any() for one in known)
    asked = pushed(detector, quiet, explain="always")
    np.testing.assert_allclose(found[0].expected[-1], asked.expected[len(found[0]) - 1], rtol=1e-5)
    np.testing.assert_array_equal(np.concatenate([one.scores for one in found]), asked.scores[: 30 - 2])


def test_nothing_is_explained_if_nobody_asks(detector, odd):
    results = pushed(detector, odd, explain="never")
    assert results.expected.shape == (len(results), 0)
    assert results.events[0].blamed == ()


def test_values_and_expected_values_are_in_the_sensors_units_while_mean_and_scale_move(detector, odd):
    moving = AdaptationSettings(mean_rate=0.02, scale_rate=0.02)
    results = pushed(detector, odd, explain="always", adaptation=moving)
    fixed = pushed(detector, odd, explain="always", adaptation=AdaptationSettings(mean_rate=0.0, scale_rate=0.0))
    np.testing.assert_allclose(results.levels, fixed.levels, rtol=1e-4)
    bands = np.array(detector.manifest.bands)
    before = np.abs(results.expected - fixed.expected)[:150] / bands
    assert 0 < np.median(before) < 3, "the mean has moved with the machine, by no more than the machine did"
