"""Windows as a tracker shows them, cut anywhere, are those that a stream would show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.fitting.followed_windows import FollowedWindows, are_followed
from edge_runtime.model_file.manifest import DetectorSpec, Scoring, Sensor
from edge_runtime.signal.preprocessing import Preprocessing
from edge_runtime.signal.windows import sliding_windows
from edge_runtime.streaming.adaptation.tracking import Moved, Tracker

SENSORS, WINDOW, RATE = 3, 4, 0.01


def spec(sensors=SENSORS, rate=RATE, scaling="standard"):
    preprocessing = Preprocessing(scaling, (5.0,) * sensors, (2.0,) * sensors, window=WINDOW)
    return DetectorSpec(tuple(map(Sensor, "abc"[:sensors])), preprocessing, Scoring("inputs", 1, rate, 1e-3))


def drifting(rows=2000, seed=0):
    rng = np.random.default_rng(seed)
    values = 5.0 + rng.normal(size=(rows, SENSORS)) + np.linspace(0, 4, rows)[:, None]
    return np.ascontiguousarray(sliding_windows(values.astype(np.float32), WINDOW, 1))


def followed(windows, starts=(0,)):
    return FollowedWindows(windows, np.array(starts), spec())


def test_windows_are_those_that_a_stream_shows():
    windows = drifting(700)
    seen = followed(windows)
    tracker = Tracker([5.0] * SENSORS, [2.0] * SENSORS, mean_rate=RATE, scale_rate=1e-3)
    settled = windows[:100, -1].mean(axis=0) - 5.0  # as many readings as the mean remembers
    tracker.moved = Moved(settled, np.ones(SENSORS))
    for number, window in enumerate(windows):
        expected = tracker.as_trained(window) + seen.shift
        np.testing.assert_allclose(seen[number : number + 1][0], expected, atol=1e-4)
        tracker.follow(window[-1], quiet=True)
    np.testing.assert_allclose(seen.spec.preprocessing.center, 5.0 + tracker.moved.drift, rtol=1e-5)


@settings(max_examples=30)
@given(st.integers(0, 1996), st.integers(0, 1996), st.sets(st.integers(1, 1995), max_size=4))
def test_any_slice_is_cut_from_the_same_windows(start, stop, starts):
    windows = drifting()
    seen = followed(windows, (0, *sorted(starts)))
    np.testing.assert_array_equal(seen[start:stop], seen[:][start:stop])
    np.testing.assert_array_equal(np.concatenate(list(seen.blocks())), seen[:])


def test_device_goes_on_where_the_recording_ended():
    windows = drifting()
    seen = followed(windows)
    inputs = seen.spec.preprocessing.transform(windows[-100:])
    assert np.abs(inputs.mean()) < 0.5  # the lag behind a drift of 4 in 2,000 readings is a tenth of a scale
    assert spec().preprocessing.transform(windows[-100:]).mean() > 1.5


def test_mean_begins_anew_where_windows_do_not_follow_each_other():
    windows = drifting()
    jump = np.concatenate([windows[:500], windows[-500:]])
    apart, as_one = (followed(jump, starts) for starts in ((0, 500), (0,)))
    far = [np.abs(seen[500:520].mean(axis=(0, 1)) - seen.spec.preprocessing.center) for seen in (apart, as_one)]
    assert (far[0] < far[1] / 3).all()


def test_modes_move_with_the_mean_to_the_end_of_the_recording():
    modes, drift = np.array([[0.0, 5.0, 9.0], [10.0, 5.0, 1.0]]), np.linspace(0, 3, 4000)[:, None]
    rows = np.random.default_rng(0).normal(size=(4000, SENSORS)) + modes[np.arange(4000) // 60 % 2] + drift
    windows = np.ascontiguousarray(sliding_windows(rows.astype(np.float32), WINDOW, 1))
    one = spec()._replace(modes=tuple(map(tuple, (modes + 1.5).tolist())))
    seen = FollowedWindows(windows, np.zeros(1, np.int64), one)
    apart = np.abs(np.array(seen.spec.modes) - (modes + 3.0))
    assert apart.max() < 0.6  # the lag behind the drift, and noise
    levels = np.array([seen[:][np.arange(len(windows)) // 60 % 2 == mode].mean(axis=(0, 1)) for mode in (0, 1)])
    np.testing.assert_allclose(levels, seen.spec.modes, atol=0.6)


@pytest.mark.parametrize(
    ("one", "follows"),
    [(spec(), True), (spec(sensors=1), False), (spec(rate=0.0), False), (spec(scaling="none"), False)],
)
def test_machines_of_several_scaled_sensors_are_followed(one, follows):
    assert are_followed(one) == follows
