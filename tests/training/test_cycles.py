"""The usual course of the day: found where there is one and nowhere else, and taken away by that of the other days."""

from dataclasses import replace

import numpy as np
import pytest
from machines import write_csv

from edge_runtime.errors import RecordingError
from edge_runtime.signal.cycle import DAY_S, WEEK_S, Course
from training.pipeline import train
from training.preparation import prepare, without_spoilers
from training.recordings import Recording, read_recording
from training.recordings.cycles import take_away
from training.recordings.store import RowStore
from training.settings import DetectorSettings

STEP_S, START_S = 600.0, 1_767_225_600.0 + 5 * 3600
PER_DAY = round(DAY_S / STEP_S)


def times_of(days):
    return START_S + STEP_S * np.arange(round(days * PER_DAY))


def recording_of(values, times):
    values = np.asarray(values, np.float32).reshape(len(times), -1)
    names = tuple(f"s{number}" for number in range(values.shape[1]))
    return Recording("r", names, values, rate_hz=1 / STEP_S, times=times)


def working_hours(times, rng, noise=1.0):
    hour = times % DAY_S / 3600
    return 20.0 + 10.0 * ((hour > 8) & (hour < 18)) + noise * rng.normal(size=len(times))


def weekly(times, rng):
    is_weekend = (times // DAY_S) % 7 < 2
    return np.where(is_weekend, 20.0, working_hours(times, rng, 0.0)) + rng.normal(size=len(times))


def autoregressive(rng, times, memory):
    values, weight = np.zeros(len(times)), np.exp(-1 / memory)
    for row, step in enumerate(rng.normal(size=len(times))[1:], 1):
        values[row] = weight * values[row - 1] + step
    return values


def modes(rng, times, dwell):
    return np.cumsum(rng.random(len(times)) < 1 / dwell) % 2 + 0.1 * rng.normal(size=len(times))


WITHOUT = {
    "constant": lambda _, times: np.full(len(times), 3.0),
    "white noise": lambda rng, times: rng.normal(size=len(times)),
    "random walk": lambda rng, times: rng.normal(size=len(times)).cumsum(),
    "memory of a day": lambda rng, times: autoregressive(rng, times, PER_DAY),
    "memory of three hours": lambda rng, times: autoregressive(rng, times, PER_DAY / 8),
    "drift": lambda rng, times: np.linspace(0, 9, len(times)) + 0.1 * rng.normal(size=len(times)),
    "a step": lambda rng, times: (np.arange(len(times)) > rng.integers(len(times))) + 0.1 * rng.normal(size=len(times)),
    "modes of two hours": lambda rng, times: modes(rng, times, PER_DAY / 12),
    "modes of a day": lambda rng, times: modes(rng, times, PER_DAY),
    "a peak a day": lambda rng, times: 9.0 * (np.arange(len(times)) % PER_DAY == 20) + rng.normal(size=len(times)),
}


@pytest.mark.parametrize("days", [2.1, 3, 15])
@pytest.mark.parametrize("kind", WITHOUT)
def test_nothing_is_taken_away_where_nothing_repeats(kind, days):
    rng, times = np.random.default_rng(0), times_of(days)
    found = [take_away(recording_of(WITHOUT[kind](rng, times), times)).cycles for _ in range(20)]
    assert not any(found)


@pytest.mark.parametrize("days", [2, 3.4, 14])
@pytest.mark.parametrize("drift", [0.0, 20.0])
def test_the_course_of_a_day_is_found_and_predicts_the_days_that_follow(days, drift):
    rng, times = np.random.default_rng(1), times_of(days + 5)
    values = working_hours(times, rng) + np.linspace(0, drift, len(times))
    learnt = times < times[0] + days * DAY_S
    left = take_away(recording_of(values[learnt], times[learnt]))
    (cycle,) = left.cycles
    assert cycle.period_s == DAY_S
    # What is left varies as little on the days learnt as on later ones, of which the course knows nothing.
    later = values[~learnt] - Course([cycle]).at(times[~learnt])[:, 0]
    spreads = [np.std(np.diff(part)) for part in (left.values[:, 0], later)]
    assert spreads[0] == pytest.approx(spreads[1], rel=0.25)
    assert np.std(later - np.linspace(0, drift * 5 / (days + 5), len(later))) < 1.8
    assert abs(np.mean(cycle.offsets)) < 1e-4


def test_the_week_is_found_only_where_it_adds_to_the_day():
    times = times_of(16)
    found = [
        {one.period_s for one in take_away(recording_of(make(times, np.random.default_rng(2)), times)).cycles}
        for make in (working_hours, weekly)
    ]
    assert found == [{DAY_S}, {DAY_S, WEEK_S}]


@pytest.mark.parametrize(
    "change",
    [
        {"times": None},
        {"rate_hz": 0.0},
        {"times": times_of(3) - START_S},
    ],
)
def test_without_the_time_of_day_nothing_is_taken_away(change):
    recording = recording_of(working_hours(times_of(3), np.random.default_rng(3)), times_of(3))
    assert len(take_away(recording).cycles) == 1
    assert take_away(replace(recording, **change)).cycles == ()


def test_two_whole_days_are_needed():
    times = times_of(3)
    recording = recording_of(working_hours(times, np.random.default_rng(3)), times)
    for rows, count in ((2 * PER_DAY, 1), (2 * PER_DAY - 1, 0)):
        part = replace(recording, values=recording.values[:rows], times=times[:rows])
        assert len(take_away(part).cycles) == count


def test_a_sensor_of_its_own_keeps_its_values_and_one_that_never_moves_too():
    rng, times = np.random.default_rng(4), times_of(3)
    columns = [working_hours(times, rng), rng.normal(size=len(times)), np.full(len(times), 7.0)]
    recording = recording_of(np.stack(columns, axis=1), times)
    left = take_away(recording)
    assert left.cycles[0].followed_by(left.sensors) == ["s0"]
    np.testing.assert_array_equal(left.values[:, 1:], recording.values[:, 1:])


def test_sensors_that_move_together_are_taken_the_course_together():
    rng, times = np.random.default_rng(5), times_of(3)
    shared = working_hours(times, rng)
    left = take_away(recording_of(shared[:, None] + 0.05 * rng.normal(size=(len(times), 6)), times))
    assert left.cycles[0].followed_by(left.sensors) == list(left.sensors)
    assert np.std(left.values[:, 0] - left.values[:, 1]) < 0.1, "what they tell of each other is spoilt"


def test_gaps_and_hours_without_readings_are_allowed_for():
    rng, times = np.random.default_rng(6), times_of(5)
    hour = times % DAY_S / 3600
    kept = (hour > 6) & (hour < 22) & ((times < times[0] + DAY_S) | (times > times[0] + 1.4 * DAY_S))
    values = working_hours(times, rng)
    left = take_away(recording_of(values[kept], times[kept]))
    assert np.std(left.values) < 2.0 < np.std(values)


def test_it_is_said_and_kept_and_the_sensors_that_are_dropped_are_not_in_it():
    rng, times = np.random.default_rng(7), times_of(3)
    columns = np.stack([np.full(len(times), 7.0), working_hours(times, rng), 5 - working_hours(times, rng)], axis=1)
    recording, settings = recording_of(columns, times), DetectorSettings(window=2, epochs=1)
    left, findings = without_spoilers(recording, settings)
    assert left.sensors == ("s1", "s2")
    assert {len(row) for row in left.cycles[0].offsets} == {2}
    assert "follow the time of day, usual course taken away: s1, s2" in findings.lines(settings)
    notes = {one.name: one.note for one in prepare(recording, settings).quality.sensors}
    assert notes["s1"] == "follows the time of day: its usual course is taken away"
    folder = train(recording, settings).folder
    assert folder.spec.cycles == left.cycles
    np.testing.assert_allclose(folder.windows.windows[:, -1], left.values[1:], rtol=1e-5)


def test_windows_of_another_recording_are_without_the_course_too():
    rng, times = np.random.default_rng(8), times_of(3)
    recording, settings = recording_of(working_hours(times, rng), times), DetectorSettings(window=2, epochs=1)
    spec = train(recording, settings).folder.spec
    expected = recording.values - Course(spec.cycles).at(times)
    np.testing.assert_array_equal(recording.windows(spec)[:, 0], expected[:-1])
    with pytest.raises(RecordingError, match="Expected a recording with a time column"):
        replace(recording, times=None).windows(spec)


def test_a_file_gives_its_times_and_rows_on_disk_are_treated_as_those_in_memory(tmp_path, monkeypatch):
    rng, times = np.random.default_rng(9), times_of(3)
    values = np.stack([working_hours(times, rng), 3 * working_hours(times, rng)], axis=1)
    texts = times.astype("datetime64[s]")
    path = write_csv(tmp_path / "r.csv", values, ("a", "b"), time=texts)
    recording = read_recording(path)
    np.testing.assert_array_equal(recording.times, times)
    expected = take_away(recording)
    monkeypatch.setattr(RowStore.__init__, "__defaults__", (100,))
    stored = read_recording(path)
    assert isinstance(stored.values, np.memmap)
    found = take_away(stored)
    assert isinstance(found.values, np.memmap)
    assert found.cycles == expected.cycles
    np.testing.assert_array_equal(found.values, expected.values)
