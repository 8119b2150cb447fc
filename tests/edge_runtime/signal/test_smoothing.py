"""The moving average of scores: stream and batch agree. Its cases: tests/export/test_one_arithmetic.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from edge_runtime.signal.smoothing import Smoother

scores = st.lists(st.floats(0, 1e6, width=32), max_size=700)


@given(scores, st.integers(1, 60))
def test_batch_gives_the_stream_values(values, span):
    stream, batch = Smoother(span), Smoother(span)
    array = np.array(values, np.float32)
    np.testing.assert_allclose(
        batch.update_many(array), [stream.update(float(value)) for value in array], rtol=1e-5, atol=1e-4
    )


@given(scores, st.integers(1, 60), st.integers(0, 700))
def test_cutting_the_batch_changes_nothing(values, span, cut):
    array = np.array(values, np.float32)
    whole, parts = Smoother(span), Smoother(span)
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
def test_after_scores_that_pass_by_everything_is_as_after_all_of_them(span, count, begun):
    scores = np.random.default_rng(span).gamma(1.0, 2.0, (1000, 2)).astype(np.float32)
    scores[count // 2] = 1e6
    every, some = Smoother(span), Smoother(span)
    for one in (every, some) if begun else ():
        one.update_many(scores[-7:] * 100)
    expected = every.update_many(scores)
    some.pass_by(scores[:count])
    np.testing.assert_allclose(some.update_many(scores[count:]), expected[count:], rtol=1e-6)
    np.testing.assert_allclose(some.level, every.level, rtol=1e-9)
