"""Sums that decay from row to row, of all rows at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NOTHING = 1e-30
"""The weight below which float64 says nothing of a number."""


def decaying(rows: Floats, decay: float, join: np.ufunc = np.add) -> Floats:
    """Return ``y[n] = join(rows[n], decay * y[n - 1])``, in place: over 2, 4, 8 … rows, as long as they matter.

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
    step = 1
    while step < len(rows) and decay > NOTHING:
        join(rows[step:], decay * rows[:-step], out=rows[step:])
        step, decay = 2 * step, decay * decay
    return rows
