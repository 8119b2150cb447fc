"""Levels of a machine's modes of operation: a mean that follows a drift does so relative to the one it works in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class ModeLevels:
    """What each mode reads, and which one a reading belongs to: the nearest, in the sensors' scales.

    Parameters
    ----------
    levels : ndarray of shape (modes, sensors), float64
        Mean readings of each mode, minus the mean of all.
    scale : ndarray of shape (sensors,), float64

    Examples
    --------
    >>> two = ModeLevels(np.array([[-5.0, 0.0], [5.0, 0.0]]), np.ones(2))
    >>> two.of(np.array([[-4.0, 9.0], [1.0, 0.0]]))
    array([0, 1])
    >>> apart = np.array([6.0, 0.5])
    >>> two.take_away(apart)
    >>> apart
    array([1. , 0.5])
    """

    def __init__(self, levels: Floats, scale: Floats) -> None:
        self.levels = levels
        # |x - level|² is least where x · level - |level|² / 2 is greatest.
        self._weights = levels / np.square(scale)
        self._halves = 0.5 * (self._weights * levels).sum(axis=1)
        self._nearness = np.empty(len(levels))

    def of(self, apart: Floats) -> npt.NDArray[np.intp]:
        """Return the mode of each reading, given as a distance from the mean of all, shape (n, sensors)."""
        return np.asarray((apart @ self._weights.T - self._halves).argmax(axis=1))

    def take_away(self, apart: Floats) -> None:
        """Make the distance of a reading from the mean of all, shape (sensors,), that from its mode's mean."""
        np.dot(self._weights, apart, out=self._nearness)
        self._nearness -= self._halves
        apart -= self.levels[self._nearness.argmax()]
