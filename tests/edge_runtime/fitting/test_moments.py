"""Mean and covariance of blocks, against numpy's of all rows together."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf_shrinkage

from edge_runtime.fitting.moments import Kept, Moments, moments_of, thinned
from edge_runtime.fitting.whitening import drift_of, ledoit_wolf, whitening_of

SEEDS = st.integers(0, 2**32 - 1)
CUTS = st.lists(st.integers(0, 60), max_size=6)


def rows_of(seed, n=60, d=4):
    """Correlated rows far from zero, in odd units."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    return mixed * np.exp(rng.normal(size=d)) + 1e4 * rng.normal(size=d)


def blocks_of(rows, cuts):
    return np.split(rows, sorted(cuts))


@given(SEEDS, CUTS)
def test_moments_of_blocks_are_those_of_all_rows(seed, cuts):
    rows = rows_of(seed)
    moments = moments_of(blocks_of(rows, cuts))
    assert moments.count == len(rows)
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0), rtol=1e-12)
    expected = np.cov(rows.T, bias=True)
    np.testing.assert_allclose(moments.covariance, expected, atol=1e-7 * np.abs(expected).max())
    np.testing.assert_allclose(moments.variance, rows.var(axis=0), rtol=1e-7)


@given(SEEDS, CUTS)
def test_diagonal_is_that_of_the_whole_scatter(seed, cuts):
    blocks = blocks_of(rows_of(seed), cuts)
    whole, diagonal = moments_of(blocks), moments_of(blocks, diagonal=True)
    np.testing.assert_allclose(diagonal.variance, whole.variance, rtol=1e-9)


@given(SEEDS, CUTS, CUTS)
def test_order_of_adding_does_not_matter(seed, cuts, other_cuts):
    rows = rows_of(seed)
    one, other = moments_of(blocks_of(rows, cuts)), moments_of(reversed(blocks_of(rows, other_cuts)))
    np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-7 * np.abs(one.covariance).max())


def test_no_rows_add_nothing():
    rows = rows_of(0)
    assert (Moments.of(rows[:0]) + Moments.of(rows)).count == len(rows)
    assert (Moments.of(rows) + Moments.of(rows[:0])).mean.tolist() == Moments.of(rows).mean.tolist()


def test_no_block_is_an_error():
    with pytest.raises(ValueError, match="at least one block"):
        moments_of([])


@given(SEEDS, CUTS, st.integers(1, 60))
def test_kept_and_thinned_rows_are_those_of_all_rows(seed, cuts, most):
    rows = rows_of(seed)
    scattered = np.random.default_rng(seed).random(len(rows)) < 0.5
    blocks, numbers = blocks_of(rows, cuts), np.arange(len(rows))
    for kept in (scattered, numbers < most, (numbers < most) | (numbers > 2 * most), numbers < 0):
        np.testing.assert_array_equal(np.concatenate(list(Kept(blocks, kept))), rows[kept])
    chosen = thinned(blocks, len(rows), most)
    assert len(chosen) <= most
    np.testing.assert_array_equal(chosen, rows[:: -(-len(rows) // most)])


@given(SEEDS, st.integers(2, 60), st.integers(2, 6))
def test_shrinkage_is_ledoit_and_wolfs(seed, n, d):
    rows = np.random.default_rng(seed).normal(size=(n, d)) * np.arange(1, d + 1)
    fourth = np.mean(np.square(rows).sum(axis=1) ** 2)
    expected = ledoit_wolf_shrinkage(rows, assume_centered=True)
    assert ledoit_wolf(rows.T @ rows / n, n, fourth) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(SEEDS, CUTS)
def test_whitened_rows_are_uncorrelated_whatever_the_blocks(seed, cuts):
    rows = rows_of(seed, n=200)
    blocks = blocks_of(rows, cuts)
    whitening = whitening_of(blocks, moments_of(blocks))
    whitened = (rows - rows.mean(axis=0)) @ whitening
    # Shrunk by a thousandth at most, directions of hardly any variance are not blown up to one.
    assert np.linalg.eigvalsh(np.cov(whitened.T, bias=True)).max() < 1.01
    np.testing.assert_allclose(whitening, whitening_of([rows], moments_of([rows])), rtol=1e-4, atol=1e-9)


@given(SEEDS, CUTS)
def test_drift_is_the_variance_of_eight_parts_means(seed, cuts):
    rows = rows_of(seed)
    edges = np.linspace(0, len(rows), 9).astype(int)
    means = [rows[start:stop].mean(axis=0) for start, stop in itertools.pairwise(edges.tolist())]
    np.testing.assert_allclose(drift_of(blocks_of(rows, cuts), len(rows)), np.var(means, axis=0, ddof=1), rtol=1e-7)
