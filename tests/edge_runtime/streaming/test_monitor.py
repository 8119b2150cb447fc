"""A monitor of readings: the scores of the batch, whatever the blocks, and every reading accounted for."""

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import SENSORS, pump_rows

from edge_runtime import Detector
from edge_runtime.errors import InputShapeError, RecordingError
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.json_codec import from_json, to_json
from edge_runtime.signal.missing import POLICIES
from edge_runtime.signal.readings import Readings
from edge_runtime.signal.windows import WindowBuffer
from edge_runtime.sinks.text import csv_header, csv_lines, json_lines
from edge_runtime.streaming.judging import AdaptationSettings
from edge_runtime.streaming.monitor import Monitor
from edge_runtime.streaming.monitor_settings import MonitorSettings
from edge_runtime.streaming.state import StreamState

NAN = float("nan")


@pytest.fixture(scope="module")
def detector(exported, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "pump.tflite"
    exported.write(path)
    return Detector.load(path)


@pytest.fixture(scope="module")
def rows():
    return pump_rows(300, seed=5).astype(np.float64)


def readings(values, times=None):
    values = np.asarray(values, np.float64)
    return Readings(np.arange(len(values), dtype=float) if times is None else np.asarray(times, float), values)


def balanced(counters):
    return counters.read == counters.scored + counters.filling + counters.skipped + counters.waiting


def push_in_blocks(monitor, values, cuts):
    times = np.arange(len(values), dtype=float)
    blocks = zip(np.split(times, cuts), np.split(values, cuts), strict=True)
    return [monitor.push(Readings(when, what)) for when, what in blocks]


@pytest.mark.parametrize("cuts", [(), (1,), (2, 3), range(1, 300), (100, 101, 299)])
def test_stream_gives_the_scores_of_the_batch_in_blocks_of_any_size(detector, rows, cuts):
    monitor = Monitor(detector)
    scores = np.concatenate([results.scores for results in push_in_blocks(monitor, rows, list(cuts))])
    batch = detector.stream().update_many(rows)
    np.testing.assert_allclose(scores, batch.scores, rtol=1e-4)
    assert (monitor.counters.read, monitor.counters.scored, monitor.counters.filling) == (300, 298, 2)


def test_result_names_time_score_threshold_alarm_sensors_and_drift(detector, rows):
    odd = rows.copy()
    odd[200:, 1] += 50_000
    result = Monitor(detector).push(readings(odd)).row(-1)
    assert result.time_s == 299
    assert result.alarm
    assert result.score > result.threshold == pytest.approx(detector.threshold)
    assert next(iter(result.sensors)) == "pressure"
    assert result.drift is not None


def test_lines_of_json_hold_results_and_events_in_order(detector, rows):
    odd = rows.copy()
    odd[200:220, 1] += 50_000
    results = Monitor(detector).push(readings(odd))
    lines = [json.loads(line) for line in json_lines(SENSORS)(results)]
    events = [(number, line["event"]) for number, line in enumerate(lines) if "event" in line]
    assert {name for _, name in events} == {"alarm_started", "alarm_ended"}
    for number, name in events:
        assert lines[number - 1]["alarm"] == (name == "alarm_started")
    ended = max((line for line in lines if line.get("event") == "alarm_ended"), key=lambda line: line["peak_score"])
    assert ended["sensors"][0] == "pressure"
    assert ended["started"] < ended["time"]


def test_lines_of_csv_match_their_header(detector, rows):
    lines = csv_lines(SENSORS)(Monitor(detector).push(readings(rows)))
    assert {line.count(",") for line in lines} == {csv_header(SENSORS).count(",")}


@pytest.mark.parametrize("stride", [1, 2, 5])
@given(cuts=st.lists(st.integers(0, 40), max_size=6))
def test_windows_are_the_same_in_blocks_of_any_size(stride, cuts):
    rows = np.arange(40, dtype=np.float32)[:, None]
    whole, ends = WindowBuffer(3, stride, 1).push_many(rows)
    buffer, seen = WindowBuffer(3, stride, 1), 0
    for block in np.split(rows, sorted(cuts)):
        windows, at = buffer.push_many(block)
        np.testing.assert_array_equal(windows, whole[seen : seen + len(windows)])
        np.testing.assert_array_equal(windows[:, -1, 0], block[at, 0])
        seen += len(windows)
    assert seen == len(ends)


BAD = [NAN, float("inf"), -float("inf"), 1e300]


@pytest.mark.parametrize("bad", BAD)
def test_skip_leaves_a_reading_out(detector, rows, bad):
    values = rows.copy()
    values[50, 2] = bad
    monitor = Monitor(detector)
    scores = monitor.push(readings(values)).scores
    np.testing.assert_allclose(scores, Monitor(detector).push(readings(np.delete(rows, 50, axis=0))).scores, rtol=1e-5)
    assert monitor.counters.skipped == 1


@pytest.mark.parametrize("cuts", [[], [50], [51], [49, 50, 51]])
def test_hold_repeats_the_last_value(detector, rows, cuts):
    values, held = rows.copy(), rows.copy()
    values[50:53, 2] = NAN
    held[50:53, 2] = held[49, 2]
    monitor = Monitor(detector, MonitorSettings(on_missing="hold"))
    scores = np.concatenate([results.scores for results in push_in_blocks(monitor, values, cuts)])
    np.testing.assert_allclose(scores, Monitor(detector).push(readings(held)).scores, rtol=1e-5)
    assert monitor.counters.held == 3


@pytest.mark.parametrize("cuts", [[], [50], [51, 53], [49, 50, 51]])
def test_interpolate_draws_a_line_to_the_next_value(detector, rows, cuts):
    values, drawn = rows.copy(), rows.copy()
    values[50:53, 2] = NAN
    drawn[50:53, 2] = np.interp([1, 2, 3], [0, 4], [rows[49, 2], rows[53, 2]])
    monitor = Monitor(detector, MonitorSettings(on_missing="interpolate"))
    scores = np.concatenate([results.scores for results in push_in_blocks(monitor, values, cuts)])
    np.testing.assert_allclose(scores, Monitor(detector).push(readings(drawn)).scores, rtol=1e-4)
    assert (monitor.counters.interpolated, monitor.counters.waiting) == (3, 0)


def test_error_names_reading_and_sensor(detector, rows):
    values = rows.copy()
    values[50, 2] = NAN
    monitor = Monitor(detector, MonitorSettings(on_missing="error"))
    times = np.r_[0:40, 100:160, 50:250]  # a gap before the missing value, a clock that goes backwards after it
    assert len(monitor.push(readings(values, times))) == 38 + 8
    with pytest.raises(RecordingError, match="reading 51: sensor 'current' has no value"):
        monitor.raise_refusal()
    assert balanced(monitor.counters)


def test_unpunctual_readings_without_a_time_of_their_own_are_no_gap(detector, rows, monkeypatch):
    monitor, arrivals = Monitor(detector), 1e9 + np.cumsum([0.01, 0.01, 0.9] * 10 + [1.1])
    for row, now_s in zip(rows, arrivals, strict=False):
        monkeypatch.setattr(time, "time", lambda now_s=now_s: now_s)
        monitor.push(Readings(np.array([NAN]), row[None]))
    assert (monitor.counters.gaps, monitor.counters.scored) == (1, 28)


@pytest.mark.parametrize("policy", ["hold", "interpolate"])
def test_a_dead_sensor_is_not_made_up_for_ever(detector, rows, policy):
    values = rows.copy()
    values[50:, 2] = NAN
    monitor = Monitor(detector, MonitorSettings(on_missing=policy))
    monitor.push(readings(values))
    monitor.end()
    assert monitor.counters.skipped >= 240
    assert monitor.counters.waiting == 0
    assert balanced(monitor.counters)


def test_no_window_reaches_over_a_gap_in_time(detector, rows):
    times = np.arange(300.0)
    times[150:] += 1000
    monitor = Monitor(detector)
    results = monitor.push(readings(rows, times))
    assert 1150 not in results.times
    assert 1151 not in results.times
    assert 1152 in results.times
    assert (monitor.counters.gaps, monitor.counters.filling) == (1, 4)


def test_clock_that_goes_backwards_starts_the_window_anew(detector, rows):
    times = np.arange(300.0)
    times[150:] -= 100
    monitor = Monitor(detector)
    monitor.push(readings(rows, times))
    assert (monitor.counters.backwards, monitor.counters.scored) == (1, 296)


def test_reading_from_the_future_is_counted_told_and_not_restored(detector, rows):
    times, told = np.arange(300.0), []
    times[150] = 4.1e9
    monitor = Monitor(detector, tell=told.append)
    monitor.push(readings(rows[:151], times[:151]))
    again = Monitor(detector)
    again.restore(from_json(StreamState, json.loads(json.dumps(to_json(monitor.state)))))
    again.push(readings(rows[151:], times[151:]))
    assert monitor.counters.jumps == 1
    assert "jumped forward" in " ".join(told)
    assert again.counters.backwards == 0
    assert again.alarm.state.last_s == 299


def test_times_no_calendar_has_are_limited(detector, rows):
    monitor = Monitor(detector)
    monitor.push(readings(rows[:4], [-1e308, 1e308, -1e308, 0.0]))
    assert balanced(monitor.counters)
    assert monitor.counters.jumps == 3


def test_readings_without_a_time_get_the_present_one(detector, rows):
    results = Monitor(detector).push(readings(rows, np.full(300, NAN)))
    assert np.ptp(results.times) == 0
    assert results.times[0] > 1.7e9


def test_what_is_wrong_is_told_once(detector, rows):
    told = []
    values = rows.copy()
    values[::7, 2] = NAN
    values[:, 0] = 5.0
    values[20:, 3] += 1.0
    Monitor(detector, MonitorSettings(stuck_after=100), told.append).push(readings(values))
    assert len(told) == len(set(told))
    text = "\n".join(told)
    assert "'current' has no finite value" in text
    assert "'flow' has not changed for 100 readings" in text
    assert "'vibration' is out of the range" in text


def test_sensor_that_moves_again_is_no_longer_stuck(detector, rows):
    values = rows.copy()
    values[:150, 0] = 5.0
    monitor = Monitor(detector, MonitorSettings(stuck_after=100))
    monitor.push(readings(values[:120]))
    assert monitor.counters.stuck == 1
    monitor.push(readings(values[120:]))
    assert monitor.counters.stuck == 0


# On ARM tflite-runtime makes the processor take subnormal numbers for zero, and Hypothesis refuses to draw them then.
NUMBER = st.floats(allow_subnormal=False)
CELL = st.one_of(NUMBER, st.sampled_from([NAN, 30.0, 1.0]))


@settings(max_examples=60)
@given(st.data(), st.sampled_from(POLICIES))
def test_every_reading_is_accounted_for(detector, data, policy):
    monitor = Monitor(detector, MonitorSettings(on_missing=policy, stuck_after=3))
    for _ in range(data.draw(st.integers(1, 4))):
        n = data.draw(st.integers(0, 6))
        values = data.draw(st.lists(st.lists(CELL, min_size=4, max_size=4), min_size=n, max_size=n))
        times = data.draw(st.lists(NUMBER, min_size=n, max_size=n))
        results = monitor.push(Readings(np.array(times, float), np.array(values, float).reshape(n, 4)))
        assert np.isfinite(results.scores).all()
        assert balanced(monitor.counters)
    monitor.end()
    assert balanced(monitor.counters)
    assert monitor.counters.waiting == 0


@pytest.mark.parametrize("cut", [1, 2, 150])
@pytest.mark.parametrize(
    "adaptation", [AdaptationSettings(), AdaptationSettings(mean_rate=0.01, scale_rate=0.01, adapt="spot")]
)
def test_stream_goes_on_after_a_restart_as_if_nothing_had_been(detector, rows, cut, adaptation):
    how = MonitorSettings(adaptation=adaptation)
    whole = Monitor(detector, how).push(readings(rows))
    first, second = Monitor(detector, how), Monitor(detector, how)
    left = first.push(readings(rows[:cut]))
    second.restore(from_json(StreamState, json.loads(json.dumps(to_json(first.state)))))
    right = second.push(readings(rows[cut:], np.arange(cut, 300)))
    np.testing.assert_allclose(np.concatenate([left.scores, right.scores]), whole.scores, rtol=1e-4)
    np.testing.assert_allclose(np.concatenate([left.drifts, right.drifts]), whole.drifts, rtol=1e-3)


def test_damaged_state_is_passed_over(detector):
    told = []
    monitor = Monitor(detector, tell=told.append)
    good = to_json(monitor.state)
    damaged = ([[1.0], [2.0, 3.0]], [[1.0] * 4] * 50)
    changes = [{"stream": good["stream"] | {"window": window}} for window in damaged]
    for change in (*changes, {"model_sha256": "0"}):
        monitor.restore(from_json(StreamState, good | change))
    assert told == ["the saved state belongs to another model: starting from nothing"]


def test_new_model_keeps_the_window(detector, rows):
    monitor = Monitor(detector)
    monitor.push(readings(rows[:100]))
    monitor.use(detector)
    assert len(monitor.push(readings(rows[100:101], [100]))) == 1


def test_model_of_other_sensors_is_refused(detector, exported, tmp_path):
    import dataclasses

    spec = exported.manifest.spec
    other = spec._replace(sensors=tuple(reversed(spec.sensors)))
    manifest = dataclasses.replace(exported.manifest, spec=other)
    ModelFile(exported.flatbuffer, manifest).write(tmp_path / "other.tflite")
    monitor = Monitor(detector)
    with pytest.raises(InputShapeError, match="same sensors"):
        monitor.use(Detector.load(tmp_path / "other.tflite"))
    assert monitor.detector is detector


def test_mean_tracking_moves_the_mean_no_farther_than_its_ceiling(detector):
    rows = pump_rows(6000, seed=6).astype(np.float64)
    rows[:, 0] += np.linspace(0, 200, 6000)
    monitor = Monitor(detector, MonitorSettings(adaptation=AdaptationSettings(mean_rate=0.01, mean_ceiling=2.0)))
    monitor.push(readings(rows))
    drift = np.array(monitor.state.stream.mean_drift) / np.array(detector.manifest.spec.preprocessing.scale)
    assert 0 < np.abs(drift).max() <= 2.0 + 1e-6


def test_a_restored_stream_keeps_the_scale_it_widened_to(detector):
    how = MonitorSettings(adaptation=AdaptationSettings(mean_rate=0.01, scale_rate=0.01))
    rows = pump_rows(900, seed=6)
    rows[300:, 0] = rows[:300, 0].mean() + 4 * (rows[300:, 0] - rows[:300, 0].mean())
    whole, first, second = (Monitor(detector, how) for _ in range(3))
    expected = whole.push(readings(rows))
    first.push(readings(rows[:600]))
    second.restore(first.state)
    rest = readings(rows[600:], np.arange(600.0, 900))
    np.testing.assert_allclose(second.push(rest).scores, expected.scores[-300:], rtol=1e-4)
    assert max(second.state.stream.variance) > 2.0
