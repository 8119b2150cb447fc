"""Decaying sums and maxima: of all rows at once as row by row."""

import itertools

import numpy as np
import pytest

from edge_runtime.signal.decaying import decaying


@pytest.mark.parametrize("join", [np.add, np.maximum])
@pytest.mark.parametrize("decay", [0.0, 0.01, 0.5, 0.99, 1.0])
def test_all_rows_at_once_are_as_row_by_row(join, decay):
    rows = np.random.default_rng(0).uniform(0, 1, (400, 3))
    expected = rows.copy()
    for before, row in itertools.pairwise(expected):
        row[:] = join(row, decay * before)
    np.testing.assert_allclose(decaying(rows, decay, join), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("decay", [0.01, 0.99])
def test_the_largest_readings_of_float32_stay_finite(decay):
    squares = np.full((400, 1), float(np.finfo(np.float32).max) ** 2)
    assert np.isfinite(decaying(squares, decay)).all()


def test_no_rows_are_no_rows():
    assert decaying(np.empty((0, 3)), 0.5).shape == (0, 3)
