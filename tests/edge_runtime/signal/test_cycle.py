"""The usual course of day and week: as a function of time, and taken away from the readings of a stream."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import SENSORS, pump_rows

from edge_runtime import Detector
from edge_runtime.errors import InputShapeError, ModelFileError, UsageError
from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.model_file.checking.meaning import check_manifest
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.signal.cycle import DAY_S, WEEK_S, Course, Cycle
from edge_runtime.signal.readings import Readings
from edge_runtime.streaming.judging import AdaptationSettings
from edge_runtime.streaming.monitor import Monitor
from edge_runtime.streaming.monitor_settings import MonitorSettings
from edge_runtime.streaming.stream import Stream
from edge_runtime.streaming.wanted import Wanted

START_S = 1_767_225_600.0
SIZES = np.float32([3.0, 2_000.0, 0.2, 0.0])


def cycle_of(period_s, bins, seed=0, sizes=SIZES):
    return Cycle(period_s, tuple(map(tuple, (np.random.default_rng(seed).normal(size=(bins, 4)) * sizes).tolist())))


BOTH = (cycle_of(DAY_S, 24), cycle_of(WEEK_S, 28, seed=1))


@pytest.fixture(scope="module")
def file(train_head):
    from export.export_run import ExportSettings, export_run

    return export_run(train_head("inputs"), ExportSettings("int8"))


def detector_of(file, cycles=BOTH, rate_hz=1 / 600):
    spec = file.manifest.spec
    spec = spec._replace(cycles=cycles, preprocessing=replace(spec.preprocessing, rate_hz=rate_hz))
    return Detector(replace(file, manifest=replace(file.manifest, spec=spec)), find_runtime())


@given(st.lists(st.floats(-1e10, 1e10), min_size=1, max_size=20), st.sampled_from([1, 2, 24, 288]))
def test_it_is_the_straight_line_between_the_middles_of_two_bins_round_and_round(times, bins):
    cycle, times = cycle_of(DAY_S, bins), np.array(times)
    middles = (np.arange(bins) + 0.5) * DAY_S / bins
    expected = [np.interp(times % DAY_S, middles, column, period=DAY_S) for column in np.array(cycle.offsets).T]
    found = Course([cycle]).at(times)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.transpose(expected), rtol=1e-5, atol=1e-3 * float(SIZES.max()))


@given(st.lists(st.floats(0, 4e9), min_size=1, max_size=20))
def test_one_reading_is_left_with_the_same_bits_as_many(times):
    course, readings = Course(BOTH), pump_rows(len(times))
    many = readings - course.at(np.array(times))
    for reading, time_s, left in zip(readings, times, many, strict=True):
        np.testing.assert_array_equal(course.left_of(reading, time_s), left)


def test_cycles_add_up_and_reach_no_farther_than_their_extremes():
    times = START_S + np.arange(0, WEEK_S, 977.0)
    found = Course(BOTH).at(times)
    np.testing.assert_allclose(found, sum(Course([one]).at(times) for one in BOTH), rtol=1e-5, atol=1e-3)
    low, high = Course(BOTH).reach
    assert (low <= found.min(axis=0)).all()
    assert (found.max(axis=0) <= high).all()


def test_its_mean_over_windows_is_that_of_their_readings():
    course, ends = Course(BOTH), START_S + np.array([0.0, 5e4, 3e5])
    expected = np.mean([course.at(ends - lag * 600.0) for lag in range(9)], axis=0)
    np.testing.assert_allclose(course.over_windows(ends, 9, 600.0), expected, rtol=1e-5)


@pytest.mark.parametrize("rates", [{}, {"mean_rate": 0.05, "scale_rate": 0.01}])
def test_a_stream_scores_what_is_left_and_shows_levels_as_the_sensors_read_them(file, rates):
    rows, times = pump_rows(300, seed=3), START_S + 600.0 * np.arange(300)
    adaptation, wanted = AdaptationSettings(**rates), Wanted(explain_above=-np.inf)
    plain = Stream(detector_of(file, cycles=()), adaptation, wanted).update_many(rows)
    detector = detector_of(file)
    moved = rows + Course(BOTH).at(times)
    found = Stream(detector, adaptation, wanted).update_many(moved, times)
    np.testing.assert_allclose(found.scores, plain.scores, rtol=2e-3, atol=2e-3)
    window = detector.spec.preprocessing.window
    means = np.mean([moved[lag : len(moved) - window + 1 + lag] for lag in range(window)], axis=0)
    np.testing.assert_allclose(found.evidence.levels, means, rtol=1e-4)
    usual = found.evidence.levels - plain.evidence.levels
    np.testing.assert_allclose(found.evidence.expected - usual, plain.evidence.expected, rtol=2e-3)


def test_one_by_one_after_a_restart_is_as_all_at_once(file):
    rows, times = pump_rows(60, seed=4), START_S + 3_600.0 * np.arange(60)
    detector = detector_of(file)
    many = Stream(detector).update_many(rows, times)
    first, second = Stream(detector), Stream(detector)
    results = [first.update(row, time_s) for row, time_s in zip(rows[:25], times[:25], strict=True)]
    second.memory = first.memory
    results += [second.update(row, time_s) for row, time_s in zip(rows[25:], times[25:], strict=True)]
    np.testing.assert_allclose([one.score for one in results if one], many.scores, rtol=1e-6)
    with pytest.raises(InputShapeError, match="a time for each of 60 readings"):
        second.update_many(rows, times[:3])


def test_a_recording_without_times_is_refused_and_one_with_times_is_scored_as_by_a_stream(file):
    rows, times = pump_rows(40, seed=5), START_S + 600.0 * np.arange(40)
    detector, settings = detector_of(file), MonitorSettings(explain="never")
    with pytest.raises(UsageError, match="Expected a recording with a time column"):
        Monitor(detector, settings, live=False).push(Readings(np.full(40, np.nan), rows))
    found = Monitor(detector, settings, live=False).push(Readings(times, rows))
    np.testing.assert_array_equal(found.scores, Stream(detector).update_many(rows, times).scores)
    np.testing.assert_array_equal(found.values, rows[detector.spec.preprocessing.window - 1 :])


@pytest.mark.parametrize("size", [1, 7])
def test_blocks_of_any_size_give_the_same_results(file, size):
    rows, times = pump_rows(60, seed=8), START_S + 600.0 * np.arange(60)
    times[40:] += 5e5  # a gap, which no window spans
    wholly, partly = (Monitor(detector_of(file), MonitorSettings(explain="always"), live=False) for _ in range(2))
    whole = wholly.push(Readings(times, rows))
    parts = [partly.push(Readings(times[row : row + size], rows[row : row + size])) for row in range(0, 60, size)]
    for name in ("scores", "levels", "expected", "contributions"):
        found = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_allclose(found, getattr(whole, name), rtol=1e-5)


def test_readings_in_the_window_are_kept_only_for_a_model_with_the_same_course(file):
    rows, times = pump_rows(40, seed=6), START_S + 600.0 * np.arange(40)
    for cycles, kept in ((BOTH, 1), (BOTH[:1], 0)):
        monitor = Monitor(detector_of(file), MonitorSettings(explain="never"), live=False)
        monitor.push(Readings(times[:20], rows[:20]))
        monitor.use(detector_of(file, cycles=cycles))
        window = file.manifest.spec.preprocessing.window
        assert len(monitor.push(Readings(times[20:], rows[20:])).scores) == 20 - (1 - kept) * (window - 1)


def test_what_is_usual_at_some_time_of_the_day_is_not_out_of_range(file):
    high = cycle_of(DAY_S, 24, sizes=1e4 * SIZES)
    times = START_S + 600.0 * np.arange(144)
    rows = pump_rows(144, seed=7) + Course([high]).at(times)
    counts = []
    for cycles in ((high,), ()):
        monitor = Monitor(detector_of(file, cycles=cycles), MonitorSettings(explain="never"), live=False)
        monitor.push(Readings(times, rows))
        counts.append(monitor.counters.out_of_range)
    assert counts[0] == 0 < counts[1]


def test_the_manifest_keeps_it(file):
    detector = detector_of(file)
    manifest = Manifest.from_bytes(detector.manifest.to_bytes())
    assert manifest.spec.cycles == BOTH
    check_manifest(manifest)
    assert manifest.spec.cycles[0].followed_by(SENSORS) == list(SENSORS[:3])


@pytest.mark.parametrize(
    ("cycles", "message"),
    [
        ((Cycle(3600.0, BOTH[0].offsets),), "a day or a week in seconds"),
        ((Cycle(-DAY_S, BOTH[0].offsets),), "a day or a week in seconds"),
        ((Cycle(float("nan"), BOTH[0].offsets),), "a finite number"),
        ((BOTH[0], BOTH[0]), "at most one cycle of each period"),
        ((Cycle(DAY_S, ()),), r"bins. Received: 0"),
        ((Cycle(DAY_S, ((1.0, 2.0, 3.0),)),), r"spec.cycles\[0\].offsets\[0\]: expected 4 values. Received: 3"),
        ((Cycle(DAY_S, ((0.0,) * 4, (0.0, 0.0, float("inf"), 0.0))),), "a finite number"),
        ((Cycle(DAY_S, ((0.0,) * 4, (0.0, 0.0, 1e39, 0.0))),), "within float32"),
        ((Cycle(DAY_S, ((0.0,) * 4,) * (2**18 + 1)),), "bins. Received: 262145"),
    ],
)
def test_a_hostile_course_is_refused(file, cycles, message):
    manifest = replace(file.manifest, spec=file.manifest.spec._replace(cycles=cycles))
    with pytest.raises(ModelFileError, match=message):
        check_manifest(manifest)
