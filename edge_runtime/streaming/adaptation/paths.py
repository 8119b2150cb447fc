"""The paths of a tracked mean and variance over many readings at once; what `Tracker.follow` does one by one.

A recursion ``y[n + 1] = a[n] * y[n] + b[n]`` is a sum once it is divided by the product of all `a` so far: with ``p``
that product and ``w`` the sum of ``b / p``, ``y = p * (y[0] + w)``. A lower bound of 1 that is met at n begins the path
anew there, ``y = p * (w - w[n] + 1 / p[n])``; it was met last where ``1 / p - w`` was largest.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SMALLEST_PRODUCT = 1e-3
"""Sums lose as many digits as the product is small."""
_MOST_ROWS = 2048
_MOST_ROUNDS = 6


def longest(*rates: float) -> int:
    """Return for how many readings at once the paths at these rates keep their digits.

    >>> longest(0.01, 0.0001), longest(0.0, 0.0)
    (687, 2048)
    """
    fastest = max(rates)
    return max(1, min(_MOST_ROWS, int(math.log(_SMALLEST_PRODUCT) / math.log1p(-fastest)))) if fastest else _MOST_ROWS


def mean(apart: Floats, drift: Floats, rate: float) -> Floats:
    """Return the drift before each reading, shape (n, sensors), as long as it meets no bound.

    Parameters
    ----------
    apart : ndarray of shape (n, sensors)
        Readings minus the training mean.
    drift : ndarray of shape (sensors,)
        Before the first reading.
    """
    if not rate:
        return np.tile(drift, (len(apart), 1))  # not a view: the tracker's own drift goes on moving
    products = (1.0 - rate) ** np.arange(len(apart))[:, None]
    sums = np.zeros(apart.shape)
    np.cumsum(apart[:-1] / products[1:], axis=0, out=sums[1:])
    sums *= rate
    sums += drift
    sums *= products
    return sums


def variance(squares: Floats, before: Floats, rate: float, clip: float) -> Floats | None:
    """Return the variance before each reading, shape (n, sensors), as long as it meets no upper bound.

    Parameters
    ----------
    squares : ndarray of shape (n, sensors)
        Squared distances from the mean, over training's variance.
    before : ndarray of shape (sensors,)
        Before the first reading.
    clip : float
        What a square counts for at most, as a multiple of the variance.

    Returns
    -------
    ndarray or None
        None if it is not found in a few rounds.
    """
    found: Floats = np.tile(before, (len(squares), 1))
    if not rate:
        return found
    clipped = squares > clip * found
    for _ in range(_MOST_ROUNDS):
        found = _path(squares[:-1], clipped[:-1], before, rate, clip)
        # Which squares are clipped depends on the variance, and it on them: a path that agrees with itself is the one.
        now = squares > clip * found
        if np.array_equal(now[:-1], clipped[:-1]):
            return found
        clipped = now
    return None


def _path(squares: Floats, clipped: npt.NDArray[np.bool_], before: Floats, rate: float, clip: float) -> Floats:
    found = np.empty((len(squares) + 1, squares.shape[1]))
    found[0] = before
    if clipped.any():
        products = np.cumprod(np.where(clipped, 1.0 - rate + clip * rate, 1.0 - rate), axis=0)
        gains = np.where(clipped, 0.0, rate * squares)
    else:
        products = (1.0 - rate) ** np.arange(1, len(squares) + 1)[:, None]
        gains = rate * squares
    sums = np.cumsum(gains / products, axis=0)
    begun = np.maximum(before, np.maximum.accumulate(1.0 / products - sums, axis=0))
    np.multiply(products, sums + begun, out=found[1:])
    return found
