"""The paths of a tracked mean and variance over many readings at once; what `Tracker.follow` does one by one.

A recursion ``y[n + 1] = a[n] * y[n] + b[n]`` is a sum once it is divided by the product of all `a` so far: with ``p``
that product and ``w`` the sum of ``b / p``, ``y = p * (y[0] + w)``. A lower bound of 1 that is met at n begins the path
anew there, ``y = p * (w - w[n] + 1 / p[n])``; it was met last where ``1 / p - w`` was largest.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_LARGEST_LOG = math.log(1e50)
MOST_ROWS = 4096
_MOST_ROUNDS = 6


def longest(rate: float, clip: float = 0.0) -> int:
    """Return for how many readings at once the products of a path at this rate stay far from float64's limits.

    Parameters
    ----------
    rate : float
    clip : float
        Of the variance; 0 for a mean.

    Examples
    --------
    >>> longest(0.0), longest(0.01), longest(0.3), longest(0.3, clip=9.0)
    (4096, 4096, 322, 69)
    """
    if not rate:
        return MOST_ROWS
    a_step = math.log1p(clip * rate) - math.log1p(-rate)
    return max(1, min(MOST_ROWS, int(_LARGEST_LOG / a_step)))


@lru_cache(maxsize=4)
def _powers(rate: float) -> tuple[Floats, Floats]:
    """Return the products of one path from the start on, and ``rate`` over the product after each reading."""
    products = (1.0 - rate) ** np.arange(longest(rate) + 1)
    return products, rate / products[1:]


def mean(apart: Floats, drift: Floats, rate: float) -> Floats:
    """Return the drift before each reading and after the last, shape (sensors, n + 1), as long as it meets no bound.

    Parameters
    ----------
    apart : ndarray of shape (sensors, n)
        Readings minus the training mean. A row for each sensor: long rows are what numpy is fast at.
    drift : ndarray of shape (sensors,)
        Before the first reading.
    """
    if not rate:
        return np.repeat(drift[:, None], apart.shape[1] + 1, axis=1)
    found = np.empty((len(apart), apart.shape[1] + 1))
    found[:, 0] = drift
    products, gains = _powers(rate)
    # Each part begins with the last value of the one before.
    for start in range(0, apart.shape[1], len(gains)):
        part = apart[:, start : start + len(gains)]
        count = part.shape[1]
        sums = np.multiply(part, gains[:count])
        sums[:, 0] += found[:, start]
        np.add.accumulate(sums, axis=1, out=sums)
        np.multiply(sums, products[1 : count + 1], out=found[:, start + 1 : start + 1 + count])
    return found


def variance(squares: Floats, before: Floats, rate: float, clip: float) -> Floats | None:
    """Return the variance before each reading and after the last, as long as it meets no upper bound.

    Parameters
    ----------
    squares : ndarray of shape (sensors, n), n at most `longest` of rate and clip
        Squared distances from the mean, over training's variance.
    before : ndarray of shape (sensors,)
        Before the first reading.
    clip : float
        What a square counts for at most, as a multiple of the variance.

    Returns
    -------
    ndarray of shape (sensors, n + 1), or None
        None if it is not found in a few rounds.
    """
    if not rate:
        return np.repeat(before[:, None], squares.shape[1] + 1, axis=1)
    clipped = _clipped(squares, before[:, None], clip)
    for _ in range(_MOST_ROUNDS):
        found = _path(squares, clipped, before, rate, clip)
        # Which squares are clipped depends on the variance, and it on them: a path that agrees with itself is the one.
        now = _clipped(squares, found[:, :-1], clip)
        if now is clipped or (now is not None and clipped is not None and np.array_equal(now, clipped)):
            return found
        clipped = now
    return None


def _clipped(squares: Floats, variance: Floats, clip: float) -> Bools | None:
    """Return which squares are more than `clip` times the variance; None if there are none."""
    if (squares.max(axis=1) <= clip * variance.min(axis=1)).all():  # the usual case, in a third of the time
        return None
    found = squares > clip * variance
    return found if found.any() else None


def _path(squares: Floats, clipped: Bools | None, before: Floats, rate: float, clip: float) -> Floats:
    count = squares.shape[1]
    powers, gains = _powers(rate)
    products, sums = powers[1 : count + 1], squares * gains[:count]
    if clipped is not None:
        # A square that is clipped is no step, but growth: of the variance after it, and of nothing before.
        growth = np.cumprod(np.where(clipped, (1.0 - rate + clip * rate) / (1.0 - rate), 1.0), axis=1)
        products = products * growth
        sums /= growth
        sums[clipped] = 0.0
    np.add.accumulate(sums, axis=1, out=sums)
    begun = np.subtract(1.0 / products, sums)
    begun[:, 0] = np.maximum(begun[:, 0], before)
    np.fmax.accumulate(begun, axis=1, out=begun)  # in two thirds of the time of maximum
    begun += sums
    found = np.empty((len(squares), count + 1))
    found[:, 0] = before
    np.multiply(begun, products, out=found[:, 1:])
    return found
