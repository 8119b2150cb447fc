"""Mean and scale that follow the readings: against their formulas, frozen or not in alarms, and what they are for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from machines import pump_rows

from edge_runtime import Detector
from edge_runtime.errors import UsageError
from edge_runtime.streaming.adaptation.tracking import LARGEST_VARIANCE, Moved, Tracker
from edge_runtime.streaming.judging import AdaptationSettings

readings = arrays(np.float32, st.tuples(st.integers(0, 50), st.just(3)), elements=st.floats(-1e3, 1e3, width=32))


@given(readings, st.data())
def test_mean_and_scale_are_their_recursions(rows, data):
    quiet = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    center, scale = np.array([1.0, -2.0, 30.0]), np.array([1.0, 50.0, 400.0])
    tracker, mean, variance = Tracker(center, scale, mean_rate=0.1, scale_rate=0.2, ceiling=1e6), center, np.ones(3)
    for row, is_quiet in zip(rows, quiet, strict=True):
        tracker.follow(row, quiet=is_quiet)
        apart = row.astype(float) - mean
        grown = variance + 0.2 * (np.minimum((apart / scale) ** 2, 9 * variance) - variance)
        variance = np.clip(grown, 1, LARGEST_VARIANCE)
        mean = mean + 0.1 * apart * is_quiet
    np.testing.assert_allclose(tracker.moved.drift, mean - center, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(tracker.moved.variance, variance, rtol=1e-9)


def test_windows_are_brought_back_to_the_mean_of_training():
    tracker = Tracker([5.0, 100.0], [1.0, 10.0], mean_rate=0.05)
    for _ in range(400):
        tracker.follow(np.array([6.0, 90.0], np.float32), quiet=True)
    np.testing.assert_allclose(tracker.as_trained(np.array([[6.0, 90.0]], np.float32)), [[5.0, 100.0]], atol=1e-4)


def test_windows_are_brought_back_to_the_scale_of_training():
    rng, tracker = np.random.default_rng(0), Tracker([5.0, 100.0], [1.0, 10.0], scale_rate=0.01)
    rows = ([5.0, 100.0] + rng.normal(size=(5000, 2)) * [3.0, 1.0]).astype(np.float32)
    for row in rows:
        tracker.follow(row, quiet=False)
    seen = (tracker.as_trained(rows) - np.array([5.0, 100.0])) / [1.0, 10.0]
    np.testing.assert_allclose(seen.std(axis=0), [1.0, 0.1], rtol=0.1)
    assert tracker.moved.variance[1] == pytest.approx(1.0, abs=0.05), "a sensor that became quieter stays as it was"


@given(readings)
def test_tracking_the_scale_brings_no_reading_farther_from_the_mean(rows):
    tracker, scale = Tracker([1.0, -2.0, 30.0], [1.0, 50.0, 400.0], scale_rate=0.2), np.array([1.0, 50.0, 400.0])
    for row in rows:
        away = np.abs(tracker.as_trained(row) - [1.0, -2.0, 30.0])
        assert (away <= np.abs(row - [1.0, -2.0, 30.0]) + 1e-6 * scale + 1e-4).all()
        tracker.follow(row, quiet=True)


def test_the_result_is_written_where_it_is_told_to():
    tracker, out = Tracker([0.0], [1.0], mean_rate=0.5, scale_rate=0.2), np.empty((2, 1), np.float32)
    tracker.follow(np.array([4.0], np.float32), quiet=True)
    assert tracker.as_trained(np.array([[2.0], [3.0]], np.float32), out=out) is out
    np.testing.assert_allclose(out.ravel(), [0.0, 1.0 / np.sqrt(2.6)])


def test_an_alarm_freezes_the_mean_but_not_the_scale_and_recovery_frees_it():
    tracker = Tracker([0.0], [1.0], mean_rate=0.5, scale_rate=0.25)
    tracker.follow(np.array([9.0], np.float32), quiet=False)
    assert (*tracker.moved.drift, *tracker.moved.variance) == (0.0, 3.0)
    tracker.follow(np.array([1.0], np.float32), quiet=True)
    assert (*tracker.moved.drift, *tracker.moved.variance) == (0.5, 2.5)


def test_one_reading_widens_the_scale_only_so_far_and_a_lasting_fault_no_farther_than_the_largest():
    tracker = Tracker([0.0], [1.0], scale_rate=0.5)
    tracker.follow(np.array([3e38], np.float32), quiet=False)
    assert tracker.moved.variance.tolist() == [5.0]
    for _ in range(100):
        tracker.follow(np.array([3e38], np.float32), quiet=False)
    assert tracker.moved.variance.tolist() == [LARGEST_VARIANCE]


def test_what_was_saved_can_be_put_back():
    tracker, later = (Tracker([0.0], [4.0], mean_rate=0.25, scale_rate=0.25) for _ in range(2))
    tracker.follow(np.array([8.0], np.float32), quiet=True)
    later.moved = tracker.moved
    assert later.moved == Moved(np.array([2.0]), np.array([1.75]))
    later.reset()
    assert later.moved == Moved(np.zeros(1), np.ones(1))


def test_what_is_put_back_stays_within_bounds():
    tracker = Tracker([0.0, 1.0], [1.0, 2.0], mean_rate=0.1, ceiling=3.0)
    tracker.moved = Moved(np.array([-50.0, 50.0]), np.array([0.0, 1e30]))
    np.testing.assert_array_equal(tracker.moved, [[-3.0, 6.0], [1.0, LARGEST_VARIANCE]])


@pytest.mark.parametrize("quiet", [True, False])
def test_looking_ahead_gives_what_following_will(quiet):
    rows = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32) * 2
    tracker, expected = Tracker([0.0, 1.0], [1.0, 5.0], mean_rate=0.2, scale_rate=0.1, ceiling=0.1), []
    ahead = tracker.ahead(rows, quiet=quiet)
    np.testing.assert_array_equal(tracker.moved, [[0.0, 0.0], [1.0, 1.0]])
    windows = np.stack([rows, rows + 1], axis=1)
    seen = tracker.each_as_trained(windows, Moved(*(rows[:-1] for rows in ahead)))
    for row, window, one in zip(rows, windows, seen, strict=True):
        expected.append(tracker.moved)
        np.testing.assert_allclose(one, tracker.as_trained(window), rtol=1e-6)
        tracker.follow(row, quiet=quiet)
    np.testing.assert_allclose(ahead, np.stack([*expected, tracker.moved], axis=1), rtol=1e-12)
    assert np.abs(ahead.drift).max(axis=0).tolist() == ([0.1, 0.5] if quiet else [0.0, 0.0])
    assert ahead.variance.max() > 1.5


@pytest.mark.parametrize("quiet", [True, False])
def test_what_was_ahead_stays_as_it_was_while_mean_and_scale_move_on(quiet):
    rows = np.random.default_rng(1).normal(size=(20, 2)).astype(np.float32)
    tracker = Tracker([0.0, 1.0], [1.0, 5.0], mean_rate=0.2)
    ahead = tracker.ahead(rows, quiet=quiet)
    before = [part.copy() for part in ahead]
    tracker.follow(np.array([3.0, 3.0]), quiet=True)
    np.testing.assert_array_equal(ahead, before)


@settings(max_examples=40)
@given(
    mean_rate=st.sampled_from([0.0, 0.001, 0.01, 0.3]),
    scale_rate=st.sampled_from([0.0, 0.0001, 0.01, 0.4]),
    spread=st.sampled_from([0.3, 1.0, 2.5, 30.0]),
    ceiling=st.sampled_from([0.05, 3.0]),
    quiet=st.booleans(),
    seed=st.integers(0, 99),
)
def test_many_readings_ahead_lead_where_following_each_does(mean_rate, scale_rate, spread, ceiling, quiet, seed):
    rows = (spread * np.random.default_rng(seed).standard_t(3, (300, 2))).astype(np.float32)
    tracker = Tracker([0.0, 1.0], [1.0, 5.0], mean_rate=mean_rate, scale_rate=scale_rate, ceiling=ceiling)
    ahead, expected = tracker.ahead(rows, quiet=quiet), []
    for row in rows:
        expected.append(tracker.moved)
        tracker.follow(row, quiet=quiet)
    np.testing.assert_allclose(ahead, np.stack([*expected, tracker.moved], axis=1), rtol=1e-9, atol=1e-12)


def test_change_of_modes_moves_nothing_but_what_all_modes_drift_does():
    modes, way = np.array([[0.0, 10.0], [20.0, 10.0], [20.0, 40.0]]), np.arange(6000) // 50 % 3
    drift = np.linspace(0, 4, 6000)[:, None] * [0.0, 1.0]
    rows = np.random.default_rng(0).normal(size=(6000, 2)) + modes[way] + drift
    tracker = Tracker(modes.mean(axis=0), [10.0, 15.0], modes, mean_rate=0.01)
    moved = tracker.ahead(rows.astype(np.float32), quiet=True).drift
    np.testing.assert_allclose(moved[1000:-1], drift[1000:], atol=0.5)


@settings(max_examples=40)
@given(
    mean_rate=st.sampled_from([0.0, 0.01, 0.3]),
    scale_rate=st.sampled_from([0.0, 0.01]),
    apart=st.sampled_from([0.5, 3.0, 30.0]),
    ceiling=st.sampled_from([0.3, 3.0]),
    seed=st.integers(0, 99),
)
def test_looking_ahead_gives_what_following_will_whatever_mode_comes(mean_rate, scale_rate, apart, ceiling, seed):
    rng = np.random.default_rng(seed)
    modes = rng.normal(size=(4, 2)) * apart
    rows = (rng.normal(size=(700, 2)) + modes[rng.integers(4, size=70).repeat(10)]).astype(np.float32)
    rows[:, 0] += np.linspace(0, 3, 700, dtype=np.float32)
    rates = {"mean_rate": mean_rate, "scale_rate": scale_rate, "ceiling": ceiling}
    tracker, expected = Tracker([0.0, 1.0], [1.0, 2.0], modes, **rates), []
    ahead = tracker.ahead(rows, quiet=True)
    for row in rows:
        expected.append(tracker.moved)
        tracker.follow(row, quiet=True)
    np.testing.assert_allclose(ahead, np.stack([*expected, tracker.moved], axis=1), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("first", [1.0, 40.0])
def test_a_long_stretch_ahead_leads_where_following_each_does_through_clipped_readings_and_both_bounds(first):
    rows = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32) * np.float32([0.3, 1.0, 1.5])
    rows[2000:2300, 1] += 30
    rows[3000:3200] = 3e38
    tracker = Tracker(np.zeros(3), np.ones(3), mean_rate=0.01, scale_rate=0.02, ceiling=1e39)
    before, expected = Moved(np.zeros(3), np.full(3, first)), []
    ahead = tracker.ahead(rows, quiet=False, before=before)
    tracker.moved = before
    for row in rows:
        expected.append(tracker.moved)
        tracker.follow(row, quiet=False)
    np.testing.assert_allclose(ahead, np.stack([*expected, tracker.moved], axis=1), rtol=1e-9)
    assert (ahead.variance.min(), ahead.variance.max()) == (1.0, LARGEST_VARIANCE)


@pytest.mark.parametrize(
    "how", [{"mean_rate": 1.0}, {"mean_rate": -0.1}, {"scale_rate": 1.0}, {"scale_rate": -0.1}, {"ceiling": 0.0}]
)
def test_rates_and_ceilings_that_cannot_be_meant_are_refused(how):
    with pytest.raises(UsageError, match="Received"):
        Tracker([0.0], [1.0], **how)


@pytest.fixture(scope="module")
def following_path(exported, tmp_path_factory):
    """The pump's file with rates of its own."""
    spec = exported.manifest.spec
    spec = spec._replace(scoring=spec.scoring._replace(mean_rate=0.002, scale_rate=0.005))
    path = tmp_path_factory.mktemp("following") / "following.tflite"
    replace(exported, manifest=replace(exported.manifest, spec=spec)).write(path)
    return path


@pytest.fixture(scope="module")
def drifting_rows():
    """Readings that drift, with faults that come and go."""
    rows = pump_rows(1500, seed=9)
    rows[:, 0] += np.linspace(0, 0.3, len(rows), dtype=np.float32) * rows[:, 0].std()
    for start in (300, 420, 430, 900):
        rows[start : start + 50, 1] += 30_000
    return rows


def test_a_file_with_rates_follows_in_stream_and_batch_alike(following_path, drifting_rows):
    detector = Detector.load(following_path)
    streamed = [result for result in map(detector.stream().update, drifting_rows) if result is not None]
    in_blocks = detector.stream()
    scored = [in_blocks.update_many(block) for block in np.split(drifting_rows, [1, 7, 400, 1300])]
    scores = np.concatenate([block.scores for block in scored])
    np.testing.assert_allclose(scores, [result.score for result in streamed], rtol=1e-3)
    alarms = np.concatenate([block.anomalies for block in scored])
    assert alarms.tolist() == [result.is_anomaly for result in streamed]
    assert 0 < alarms.sum() < 800


def test_alarm_from_the_first_window_on_ends_once_the_mean_has_come_but_a_later_one_lasts(following_path):
    rows, adaptation = pump_rows(3000, seed=9), AdaptationSettings(mean_rate=0.01, scale_rate=0.0)
    scale = np.array(Detector.load(following_path).manifest.spec.preprocessing.scale, np.float32)
    moved = rows + 3 * scale * (np.arange(len(scale)) == 1)
    drifted = Detector.load(following_path).stream(adaptation).update_many(moved)
    assert drifted.anomalies[:20].all()
    assert not drifted.anomalies[1500:].any()
    one_by_one = map(Detector.load(following_path).stream(adaptation).update, moved)
    assert [one.is_anomaly for one in one_by_one if one is not None] == drifted.anomalies.tolist()
    late, stream = np.concatenate([rows[:500], moved[500:]]), Detector.load(following_path).stream(adaptation)
    in_turn = np.concatenate([stream.update_many(block).anomalies for block in np.split(late, [3, 450, 510, 2000])])
    assert in_turn[-1000:].all()
    assert in_turn.tolist() == Detector.load(following_path).stream(adaptation).update_many(late).anomalies.tolist()


def test_alarm_ends_with_the_fault_although_the_machine_has_drifted_meanwhile(following_path):
    rows, adaptation = pump_rows(3000, seed=9), AdaptationSettings(mean_rate=0.01, scale_rate=0.0)
    scale = np.array(Detector.load(following_path).manifest.spec.preprocessing.scale, np.float32)
    rows[500:] += 1.8 * scale * (np.arange(len(scale)) == 1)
    rows[500:1000] += 20 * scale * (np.arange(len(scale)) == 1)
    stream = Detector.load(following_path).stream(adaptation)
    in_turn = np.concatenate([stream.update_many(block).anomalies for block in np.split(rows, [520, 999, 1003])])
    assert in_turn[510:1000].all()
    assert not in_turn[2000:].any()
    assert in_turn.tolist() == Detector.load(following_path).stream(adaptation).update_many(rows).anomalies.tolist()


def test_what_an_alarm_had_reached_survives_a_restart(following_path, drifting_rows):
    adaptation = AdaptationSettings(mean_rate=0.01)
    whole, stream = Detector.load(following_path).stream(adaptation), Detector.load(following_path).stream(adaptation)
    stream.update_many(drifting_rows[:330])
    resumed = Detector.load(following_path).stream(adaptation)
    resumed.memory = stream.memory
    assert 1.0 < stream.memory.alarm_height <= 3.0
    expected = whole.update_many(drifting_rows).scores[-1100:]
    np.testing.assert_allclose(resumed.update_many(drifting_rows[330:]).scores[-1100:], expected, rtol=1e-3)


def test_a_reset_brings_mean_and_scale_back(following_path, drifting_rows):
    stream = Detector.load(following_path).stream()
    first = [stream.update(row) for row in drifting_rows[:200]]
    stream.reset()
    assert [stream.update(row) for row in drifting_rows[:200]] == first


def test_what_the_file_says_holds_unless_told_otherwise(following_path, model_path, drifting_rows):
    def scores(path, adaptation=None):
        return Detector.load(path).stream(adaptation).update_many(drifting_rows).scores.tolist()

    by_file, plain = scores(following_path), scores(model_path)
    assert by_file == scores(model_path, AdaptationSettings(mean_rate=0.002, scale_rate=0.005))
    assert scores(following_path, AdaptationSettings(mean_rate=0.0, scale_rate=0.0)) == plain
    scale_alone = scores(following_path, AdaptationSettings(mean_rate=0.0))
    assert scale_alone == scores(model_path, AdaptationSettings(scale_rate=0.005))
    assert len({tuple(one) for one in (by_file, plain, scale_alone)}) == 3


def test_mean_scale_and_threshold_may_follow_together_whatever_the_blocks(model_path, drifting_rows):
    detector = Detector.load(model_path)
    adaptation = AdaptationSettings(mean_rate=0.002, scale_rate=0.005, adapt="spot", target_far=0.01)
    whole, stream = detector.stream(adaptation).update_many(drifting_rows), detector.stream(adaptation)
    by_one = [stream.update_many(row) for row in np.split(drifting_rows, len(drifting_rows))]
    np.testing.assert_allclose(np.concatenate([block.scores for block in by_one]), whole.scores, rtol=1e-3)
    assert np.concatenate([block.anomalies for block in by_one]).tolist() == whole.anomalies.tolist()


def test_score_and_inspect_know_the_rates_of_the_file(saelite, following_path, drifting_rows, tmp_path):
    names = ",".join(Detector.load(following_path).sensor_names)
    np.savetxt(tmp_path / "rows.csv", drifting_rows, delimiter=",", header=names, comments="", fmt="%.9g")
    by_file = saelite("score", following_path, "rows.csv", "-o", "-")
    told = saelite("score", following_path, "rows.csv", "-o", "-", "--mean-rate", "0.002", "--scale-rate", "0.005")
    still = saelite("score", following_path, "rows.csv", "-o", "-", "--scale-rate", "0")
    assert by_file.stdout == told.stdout != still.stdout
    said = saelite("inspect", following_path).stdout
    assert "follows quiet readings, rate 0.002" in said
    assert "widens with the readings, rate 0.005" in said
