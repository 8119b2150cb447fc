"""The moving average of scores: stream and batch agree. Its cases: tests/export/test_one_arithmetic.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from edge_runtime.signal.smoothing import Smoother

scores = st.lists(st.floats(0, 1e6, width=32), max_size=700)
thresholds = st.sampled_from([np.inf, 1.0, 1e5])


@given(scores, st.integers(1, 60), thresholds)
def test_batch_gives_the_stream_values(values, span, threshold):
    stream, batch = Smoother(span, threshold), Smoother(span, threshold)
    array = np.array(values, np.float32)
    np.testing.assert_allclose(
        batch.update_many(array), [stream.update(float(value)) for value in array], rtol=1e-5, atol=1e-4
    )


@given(scores, st.integers(1, 60), thresholds, st.integers(0, 700))
def test_cutting_the_batch_changes_nothing(values, span, threshold, cut):
    array = np.array(values, np.float32)
    whole, parts = Smoother(span, threshold), Smoother(span, threshold)
    joined = np.concatenate([parts.update_many(array[:cut]), parts.update_many(array[cut:])])
    np.testing.assert_allclose(whole.update_many(array), joined, rtol=1e-5, atol=1e-4)


def test_it_is_a_first_order_filter_that_starts_at_the_first_score():
    values = np.random.default_rng(0).exponential(size=1000).astype(np.float32)
    alpha = 2 / 31
    expected, _ = lfilter([alpha], [1, alpha - 1], values.astype(np.float64), zi=[(1 - alpha) * float(values[0])])
    np.testing.assert_allclose(Smoother(30).update_many(values), expected, rtol=1e-5)


def test_reset_forgets():
    smoother = Smoother(9)
    smoother.update(100.0)
    smoother.reset()
    assert smoother.update(1.0) == 1.0


@pytest.mark.parametrize("span", [1, 2, 5, 30, 400])
@pytest.mark.parametrize("count", [1, 64, 900])
@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("threshold", [np.inf, 4.0])
def test_after_scores_that_pass_by_everything_is_as_after_all_of_them(span, count, begun, threshold):
    scores = np.random.default_rng(span).gamma(1.0, 2.0, (1000, 2)).astype(np.float32)
    scores[count // 2] = 1e6
    every, some = Smoother(span, threshold), Smoother(span, threshold)
    for one in (every, some) if begun else ():
        one.update_many(scores[-7:] * 100)
    expected = every.update_many(scores)
    some.pass_by(scores[:count])
    np.testing.assert_allclose(some.update_many(scores[count:]), expected[count:], rtol=1e-6)
    np.testing.assert_allclose(some.level, every.level, rtol=1e-9)


@given(
    st.lists(st.tuples(st.floats(0, 100, width=32), st.floats(0, 100, width=32)), min_size=1, max_size=200),
    st.integers(1, 60),
)
def test_contributions_that_sum_to_the_scores_still_do_so_smoothed(rows, span):
    contributions = np.array(rows, np.float32)
    smoothed = Smoother(span, 1.0).update_many(contributions)
    scores = Smoother(span, 1.0).update_many(contributions.sum(axis=1))
    np.testing.assert_allclose(smoothed.sum(axis=1), scores, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("height", [4.0, 1e2, 1e6, np.inf])
def test_level_is_below_the_threshold_half_a_span_after_a_fault_however_high_it_was(height):
    after = Smoother(100, 1.0).update_many(np.repeat([height, 0.0], [300, 55]).astype(np.float32))
    assert after[299] > 3
    assert after[-1] < 1


def test_who_is_to_blame_is_as_soon_forgotten():
    one, other = np.tile([1e4, 0.0], (50, 1)), np.tile([0.0, 2.0], (40, 1))
    smoothed = Smoother(30, 1.0).update_many(np.concatenate([one, other]).astype(np.float32))
    assert smoothed[-1].argmax() == 1
