"""Sums that decay from row to row, of all rows at once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NOTHING = 1e-30
"""The weight below which float64 says nothing of a number."""

_LEAST_LEFT = 1e-100
"""Numbers divided by more than this stay inside float64, even the squares of float32."""


def decaying(rows: Floats, decay: float, join: np.ufunc = np.add) -> Floats:
    """Return ``y[n] = join(rows[n], decay * y[n - 1])``, in place.

    Each row divided by what is left of the first one by then, all are joined without decay. Where that would leave
    float64's range, they are joined over 2, 4, 8 … rows, as long as they matter.

    Parameters
    ----------
    rows : ndarray of shape (n, …), float64
    decay : float
        In [0, 1].
    join : ufunc
        ``np.add`` for sums, ``np.maximum`` for the largest so far, which fades.

    Examples
    --------
    >>> decaying(np.array([8.0, 0.0, 1.0]), 0.5)
    array([8., 4., 3.])
    >>> decaying(np.array([8.0, 0.0, 1.0]), 0.5, np.maximum)
    array([8., 4., 2.])
    """
    if len(rows) and decay ** len(rows) > _LEAST_LEFT:
        by_column, left = rows.T, _left(len(rows), decay)
        by_column /= left
        join.accumulate(rows, axis=0, out=rows)
        by_column *= left
        return rows
    step = 1
    while step < len(rows) and decay > NOTHING:
        join(rows[step:], decay * rows[:-step], out=rows[step:])
        step, decay = 2 * step, decay * decay
    return rows


@lru_cache(maxsize=16)
def _left(count: int, decay: float) -> Floats:
    """Return what is left of a first row by each of some rows."""
    left: Floats = decay ** np.arange(count)
    return left
