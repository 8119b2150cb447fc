"""The generalised Pareto distribution, fitted to the amounts by which values exceed a level.

References
----------
Pickands (1975), Statistical inference using extreme order statistics.
Grimshaw (1993), Computing maximum likelihood estimates for the generalized Pareto distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_LEAST_SHAPE = -0.5
"""Below, the likelihood has no regular maximum (Smith, 1985)."""
_GRID = np.concatenate([-np.geomspace(1, 1e-3, 20), np.geomspace(1e-3, 50, 20)])
_REFINEMENTS = 25
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Pareto:
    """``P(X > x) = (1 + shape * x / scale) ** (-1 / shape)``; a shape of 0 is the exponential distribution.

    Parameters
    ----------
    shape : float
        γ; above 0 for heavy tails.
    scale : float
        σ, in the unit of the values.
    """

    shape: float
    scale: float

    def quantile(self, survival: float) -> float:
        """Return the value that is exceeded with probability `survival`.

        >>> Pareto(0.0, 2.0).quantile(0.1), Pareto(0.5, 2.0).quantile(0.1)
        (4.605, 8.649)
        """
        if abs(self.shape) < 1e-9:
            return float(-self.scale * np.log(survival))
        return float(self.scale / self.shape * (survival**-self.shape - 1.0))


def fit_pareto(excesses: npt.NDArray[np.float64]) -> Pareto:
    """Return the maximum-likelihood distribution with a shape of at least -0.5.

    Both parameters depend on ``theta = shape / scale`` alone (Grimshaw), so the search is one-dimensional.

    Parameters
    ----------
    excesses : ndarray of shape (n,), float64
        Above zero.
    """
    mean = float(excesses.mean())
    relative = excesses / mean
    edge = 1.0 / float(relative.max())
    grid = np.where(_GRID < 0, _GRID * edge * (1 - 1e-9), _GRID)
    likelihoods = np.array([_log_likelihood(theta, relative) for theta in grid])
    best = int(likelihoods.argmax())
    low, high = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    theta = _climb(low, high, relative)
    shape = _shape(theta, relative)
    # The exponential distribution lies at theta = 0, between the grid's two halves.
    if _log_likelihood(theta, relative) <= -1.0 or abs(theta) < 1e-9:
        return Pareto(0.0, mean)
    return Pareto(shape, shape / theta * mean)


def _log_likelihood(theta: float, relative: npt.NDArray[np.float64]) -> float:
    """Return the mean log-likelihood at the best scale for `theta`; -1 is the exponential distribution's."""
    shape = _shape(theta, relative)
    if shape < _LEAST_SHAPE or theta == 0:
        return -math.inf if theta else -1.0
    return -math.log(shape / theta) - shape - 1.0


def _shape(theta: float, relative: npt.NDArray[np.float64]) -> float:
    """Return the shape that fits best for `theta`; without `mean`, which takes as long as all else here."""
    return float(np.add.reduce(np.log1p(theta * relative)) / len(relative))


def _climb(low: float, high: float, relative: npt.NDArray[np.float64]) -> float:
    """Golden-section search for the maximum between `low` and `high`."""
    for _ in range(_REFINEMENTS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if _log_likelihood(left, relative) < _log_likelihood(right, relative):
            low = left
        else:
            high = right
    return (low + high) / 2
