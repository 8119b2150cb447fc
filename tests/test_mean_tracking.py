"""The mean that follows quiet readings: against its formula, frozen in alarms, and what it is for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_runtime.adaptation.mean_tracking import MeanTracker

readings = arrays(np.float32, st.tuples(st.integers(0, 50), st.just(3)), elements=st.floats(-1e3, 1e3, width=32))


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
