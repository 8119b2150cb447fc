"""Quantiles without SciPy, against SciPy's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edge_runtime.fitting.distributions import (
    normal_quantile_above,
    normal_share_above,
    poisson_quantile,
    t_quantile_above,
    t_share_above,
)

SHARES = st.floats(1e-12, 0.5)
FREEDOM = st.floats(1.0, 1e6)


@given(SHARES, FREEDOM)
def test_quantile_of_students_t_is_scipys(share, freedom):
    assert t_quantile_above(share, freedom) == pytest.approx(stats.t.isf(share, freedom), rel=1e-7, abs=1e-7)


@given(st.floats(-50.0, 50.0), FREEDOM)
def test_share_above_of_students_t_is_scipys(value, freedom):
    assert t_share_above(value, freedom) == pytest.approx(stats.t.sf(value, freedom), rel=1e-7, abs=1e-300)


@given(st.floats(1e-12, 1 - 1e-12))
def test_quantile_of_the_normal_distribution_is_scipys(share):
    assert normal_quantile_above(share) == pytest.approx(stats.norm.isf(share), rel=1e-9, abs=1e-9)


@given(st.floats(-8.0, 30.0))
def test_share_above_of_the_normal_distribution_is_scipys(value):
    assert normal_share_above(value) == pytest.approx(stats.norm.sf(value), rel=1e-9)


@given(st.sampled_from([0.5, 0.9, 0.95, 0.99]), st.floats(1e-6, 1e5))
def test_quantile_of_the_poisson_distribution_is_scipys(share, mean):
    assert poisson_quantile(share, mean) == stats.poisson.ppf(share, mean)


def test_share_above_one_half_is_the_mirror_image():
    assert t_quantile_above(0.75, 5.0) == -t_quantile_above(0.25, 5.0)
