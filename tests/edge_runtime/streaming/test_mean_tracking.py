"""The mean that follows quiet readings: against its formula, frozen in alarms, and what it is for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from machines import pump_rows

from edge_runtime import Detector
from edge_runtime.errors import UsageError
from edge_runtime.streaming.adaptation.mean_tracking import MeanTracker
from edge_runtime.streaming.adaptation.spot import SpotSettings
from edge_runtime.streaming.judging import AdaptationSettings

readings = arrays(np.float32, st.tuples(st.integers(0, 50), st.just(3)), elements=st.floats(-1e3, 1e3, width=32))


@settings(deadline=None)
@given(readings, st.data())
def test_mean_is_the_recursion_over_the_quiet_readings(rows, data):
    quiet = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    center = np.array([1.0, -2.0, 30.0])
    tracker, mean = MeanTracker(center, rate=0.1), center.copy()
    for row, is_quiet in zip(rows, quiet, strict=True):
        tracker.follow(row, quiet=is_quiet)
        mean += 0.1 * (row - mean) * is_quiet
    np.testing.assert_allclose(tracker.drift, mean - center, rtol=1e-5, atol=1e-3)


def test_a_shifted_window_stands_around_the_old_center():
    tracker = MeanTracker([5.0, 100.0], rate=0.05)
    for _ in range(400):
        tracker.follow(np.array([6.0, 90.0], np.float32), quiet=True)
    np.testing.assert_allclose(tracker.shift(np.array([[6.0, 90.0]], np.float32)), [[5.0, 100.0]], atol=1e-4)


def test_shift_writes_where_it_is_told_to():
    tracker, out = MeanTracker([0.0], rate=0.5), np.empty((2, 1), np.float32)
    tracker.follow(np.array([4.0], np.float32), quiet=True)
    assert tracker.shift(np.array([[2.0], [3.0]], np.float32), out=out) is out
    assert out.ravel().tolist() == [0.0, 1.0]


def test_an_alarm_freezes_the_mean_and_recovery_frees_it():
    tracker = MeanTracker([0.0], rate=0.5)
    tracker.follow(np.array([9.0], np.float32), quiet=False)
    assert tracker.drift.tolist() == [0.0]
    tracker.follow(np.array([1.0], np.float32), quiet=True)
    assert tracker.drift.tolist() == [0.5]


def test_a_saved_drift_can_be_put_back():
    tracker, later = MeanTracker([0.0], rate=0.25), MeanTracker([0.0], rate=0.25)
    tracker.follow(np.array([8.0], np.float32), quiet=True)
    later.drift = tracker.drift
    assert later.drift.tolist() == [2.0]
    later.reset()
    assert later.drift.tolist() == [0.0]


def test_looking_ahead_gives_the_drifts_that_following_will():
    rows = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    tracker, expected = MeanTracker([0.0, 1.0], rate=0.2, ceiling=[0.1, 0.5]), []
    ahead = tracker.drifts(rows, quiet=True)
    assert tracker.drift.tolist() == [0.0, 0.0]
    for row in rows:
        expected.append(tracker.drift)
        tracker.follow(row, quiet=True)
    np.testing.assert_allclose(ahead, expected, rtol=1e-6)
    assert np.abs(ahead).max(axis=0).tolist() == [0.1, 0.5]


@pytest.mark.parametrize(("rate", "ceiling"), [(1.0, 3.0), (-0.1, 3.0), (0.1, 0.0)])
def test_rates_and_ceilings_that_cannot_be_meant_are_refused(rate, ceiling):
    with pytest.raises(UsageError, match="Received"):
        MeanTracker([0.0], rate, ceiling)


@pytest.fixture(scope="module")
def following_path(exported, tmp_path_factory):
    """The pump's file with a mean rate of its own."""
    spec = exported.manifest.spec
    spec = spec._replace(scoring=spec.scoring._replace(mean_rate=0.002))
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


def test_a_file_with_a_rate_follows_the_mean_in_stream_and_batch_alike(following_path, drifting_rows):
    detector = Detector.load(following_path)
    streamed = [result for result in map(detector.stream().update, drifting_rows) if result is not None]
    in_blocks = detector.stream()
    scored = [in_blocks.update_many(block) for block in np.split(drifting_rows, [1, 7, 400, 1300])]
    scores = np.concatenate([block.scores for block in scored])
    np.testing.assert_allclose(scores, [result.score for result in streamed], rtol=1e-3)
    alarms = np.concatenate([block.anomalies for block in scored])
    assert alarms.tolist() == [result.is_anomaly for result in streamed]
    assert 0 < alarms.sum() < 800


def test_a_reset_brings_the_mean_back(following_path, drifting_rows):
    stream = Detector.load(following_path).stream()
    first = [stream.update(row) for row in drifting_rows[:200]]
    stream.reset()
    assert [stream.update(row) for row in drifting_rows[:200]] == first


def test_what_the_file_says_holds_unless_told_otherwise(following_path, model_path, drifting_rows):
    def scores(path, adaptation=None):
        return Detector.load(path).stream(adaptation).update_many(drifting_rows).scores.tolist()

    assert scores(following_path) == scores(model_path, AdaptationSettings(mean_rate=0.002))
    assert scores(following_path, AdaptationSettings(mean_rate=0.0)) == scores(model_path)
    assert scores(following_path) != scores(model_path)


def test_mean_and_threshold_may_follow_together_whatever_the_blocks(model_path, drifting_rows):
    detector = Detector.load(model_path)
    adaptation = AdaptationSettings(mean_rate=0.002, spot=SpotSettings(target_far=0.01))
    whole, stream = detector.stream(adaptation).update_many(drifting_rows), detector.stream(adaptation)
    by_one = [stream.update_many(row) for row in np.split(drifting_rows, len(drifting_rows))]
    np.testing.assert_allclose(np.concatenate([block.scores for block in by_one]), whole.scores, rtol=1e-3)
    assert np.concatenate([block.anomalies for block in by_one]).tolist() == whole.anomalies.tolist()


def test_score_and_inspect_know_the_rate_of_the_file(saelite, following_path, drifting_rows, tmp_path):
    names = ",".join(Detector.load(following_path).sensor_names)
    np.savetxt(tmp_path / "rows.csv", drifting_rows, delimiter=",", header=names, comments="", fmt="%.9g")
    by_file = saelite("score", following_path, "rows.csv", "-o", "-")
    told = saelite("score", following_path, "rows.csv", "-o", "-", "--mean-rate", "0.002")
    still = saelite("score", following_path, "rows.csv", "-o", "-", "--mean-rate", "0")
    assert by_file.stdout == told.stdout != still.stdout
    assert "follows quiet readings, rate 0.002" in saelite("inspect", following_path).stdout
