"""When the mean moves: not in an alarm, until that is mostly over."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.streaming.adaptation.alarm_height import AlarmHeight

levels = st.lists(st.sampled_from([0.2, 1.0, 1.2, 1.5, 1.6, 2.0, 2.4, 3.0, 8.0]), min_size=1, max_size=40)


def quiet(height, scores, threshold=1.0):
    """Let windows pass one after the other; return which were quiet."""
    return [height.take(score * threshold, threshold) for score in scores]


def after_a_quiet_one():
    height = AlarmHeight()
    quiet(height, [0.5])
    return height


def test_the_mean_stands_still_in_an_alarm_until_its_score_has_halved():
    assert quiet(after_a_quiet_one(), [1.1, 2.0, 1.1, 1.0, 2.4, 1.2, 1.3, 2.0]) == [
        False, False, False, True, False, True, False, False,
    ]  # fmt: skip


def test_a_fault_that_goes_on_at_more_than_one_and_a_half_thresholds_never_becomes_normal():
    assert quiet(after_a_quiet_one(), [100.0, 1.6, 1.5]) == [False, False, True]


def test_an_alarm_that_is_there_from_the_first_window_on_does_not_stop_the_mean():
    height = AlarmHeight()
    assert quiet(height, [9.0, 2.0]) == [True, True]
    assert math.isinf(height.highest)
    assert quiet(height, [1.0, 2.0]) == [True, False]


@given(levels, st.lists(st.integers(1, 40), max_size=5), st.sampled_from([1.0, 0.25]))
def test_blocks_of_any_size_give_what_one_window_after_the_other_gives(scores, cuts, threshold):
    one_by_one, in_blocks, found = AlarmHeight(), AlarmHeight(), []
    for block in np.split(
        np.array(scores, np.float32) * np.float32(threshold), sorted({*cuts} & {*range(len(scores))})
    ):
        thresholds = np.full(len(block), threshold, np.float32)
        found += in_blocks.quiet(block, thresholds).tolist()
        in_blocks.pass_by(block, thresholds)
    assert quiet(one_by_one, scores, threshold) == found
    assert one_by_one.highest == pytest.approx(in_blocks.highest)
