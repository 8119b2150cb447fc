"""What windows may be cut from: gaps, missing values and standstill, the same in blocks of any size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.common.counters import Counters
from edge_runtime.common.notices import Notices
from edge_runtime.signal.clock import Clock
from edge_runtime.signal.intake import Intake, Off
from edge_runtime.signal.missing import LONGEST_REPAIR, POLICIES
from edge_runtime.signal.only_when import Condition
from edge_runtime.signal.readings import Readings

NAN = float("nan")


def take_in(times, values, cuts=(), policy="skip", condition=None):
    """Return numbers, values and starts of what comes out, the moments it was off, and the counts."""
    counters = Counters()
    intake = Intake(("a", "b"), policy, condition, counters, Notices(lambda _: None))
    numbers, kept, starts, off = [], [], [], []
    for when, what in zip(np.split(times, cuts), np.split(values, cuts), strict=True):
        for piece in intake.push(Readings(when, what)):
            if isinstance(piece, Off):
                off.append(piece.time_s)
                continue
            starts += [] if piece.follows else [int(piece.rows.numbers[0])]
            numbers += piece.rows.numbers.tolist()
            kept += piece.rows.values.tolist()
    intake.repair.end()
    return numbers, kept, starts, off, counters


def column(values):
    """Return two sensors, one of which never moves."""
    return np.stack([np.asarray(values, float), np.ones(len(values))], axis=1)


STEP = st.sampled_from([0.0, 1.0, 1.0, 1.0, 1.0, 1.1, 4.0, 30.0, -7.0, NAN])
VALUE = st.sampled_from([0.0, 1.0, 1.0, 2.0, 3.0, NAN, NAN, float("inf"), 1e39])


@given(
    st.lists(st.tuples(STEP, VALUE, VALUE), min_size=1, max_size=60),
    st.sets(st.integers(0, 60)),
    st.sampled_from(POLICIES),
    st.sampled_from([None, "a > 0.5"]),
)
def test_blocks_of_any_size_give_the_same_stretches_and_counts(rows, cuts, policy, condition):
    steps, *values = (np.array(column) for column in zip(*rows, strict=True))
    times = np.where(np.isnan(steps), NAN, np.cumsum(np.nan_to_num(steps)))
    times[0] = 0.0
    condition = condition and Condition(condition, ("a", "b"))
    cuts = sorted(cut for cut in cuts if cut < len(rows))
    whole = take_in(times, np.stack(values, axis=1), (), policy, condition)
    assert take_in(times, np.stack(values, axis=1), cuts, policy, condition) == whole
    numbers, kept, _, _, counters = whole
    assert np.isfinite(kept).all()
    assert counters.read == len(rows) == len(numbers) + counters.skipped + counters.off
    assert numbers == sorted(set(numbers))


def test_no_window_reaches_over_a_gap_or_a_step_back():
    times = np.array([0.0, 1, 2, 3, 60, 61, 62, 40, 41])
    assert take_in(times, column(np.arange(9)))[2] == [0, 4, 7]


def test_jitter_and_a_few_lost_readings_are_no_gap():
    assert take_in(np.array([0.0, 1.2, 1.9, 3.0, 7.9, 9.0]), column(np.arange(6)))[2] == [0]


def test_a_new_rate_is_followed():
    times = np.concatenate([np.arange(100.0), 100 + 10 * np.arange(100)])
    starts = take_in(times, column(np.zeros(200)))[2]
    assert starts[1] == 101
    assert max(starts) < 140


@pytest.mark.parametrize("n_bad", [1, 4, 5, LONGEST_REPAIR, LONGEST_REPAIR + 1])
def test_each_policy_does_what_it_says_with_missing_values(n_bad):
    values = column(np.arange(40.0))
    values[20 : 20 + n_bad, 0] = NAN
    times, left = np.arange(40.0), [*range(20), *range(20 + n_bad, 40)]
    numbers, _, starts, _, counters = take_in(times, values)
    assert (numbers, counters.skipped) == (left, n_bad)
    # Readings left out are a gap in time like any other.
    assert starts == ([0] if n_bad < 5 else [0, 20 + n_bad])
    for policy, value in (("hold", 19.0), ("interpolate", 20.0)):
        numbers, kept, _, _, counters = take_in(times, values, policy=policy)
        if n_bad <= LONGEST_REPAIR:
            assert numbers == list(range(40))
            assert kept[20][0] == pytest.approx(value)
            assert counters.held + counters.interpolated == n_bad
    assert take_in(times, values, policy="error")[0] == list(range(20))


def test_a_dead_sensor_is_held_so_often_and_no_longer():
    values = column(np.arange(60.0))
    values[20:, 0] = NAN
    assert take_in(np.arange(60.0), values, policy="hold")[0] == list(range(20 + LONGEST_REPAIR))
    assert take_in(np.arange(60.0), values, policy="interpolate")[0] == list(range(20))


def test_a_value_is_not_carried_over_a_gap():
    times, values = np.array([0.0, 1, 2, 60, 61]), column([1, 2, 3, NAN, 5])
    assert take_in(times, values, policy="hold")[0] == [0, 1, 2, 4]


def test_a_reading_without_a_time_has_that_of_the_one_before():
    clock = Clock(Counters(), Notices(print), live=False)
    times, jumps = clock.push(np.array([NAN, 5.0, NAN, 6.0]))
    assert times.tolist() == [5, 5, 5, 6]
    assert (jumps.any(), clock.unreadable, clock.repeated) == (False, 2, 2)


def test_a_recording_without_times_has_no_gaps():
    _, _, starts, _, counters = take_in(np.full(50, NAN), column(np.zeros(50)), cuts=[1, 20])
    assert (starts, counters.gaps) == ([0], 0)
