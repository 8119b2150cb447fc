"""The sensor to blame and its expected value, from the inputs' conditional distribution on normal windows.

For each sensor J the likelihood ratio of "J alone is wrong" against "nothing is" is, for Gaussian inputs with mean μ
and precision P, ``g_J @ inv(P_JJ) @ g_J`` with ``g = P @ (x - μ)``: how far T² falls when J reads what the
other sensors predict. The expected value is ``x_J - inv(P_JJ) @ g_J``. Both are affine maps of the inputs; the
first is squared and summed per sensor. A machine with modes has one distribution per mode; the nearest is used.
If there are too many inputs for a matrix, they are treated as independent.

References
----------
Mason, Tracy and Young (1997), A practical approach for interpreting multivariate T² control chart signals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray

Modes = npt.NDArray[np.intp]
_ARRAYS = ("mean", "blame", "level", "level_bias")
_PREFIX = "attribution_"
# Keeps shares well defined even if no sensor deviates.
FLOOR = 1e-12


@dataclass(frozen=True)
class Attribution:
    """A fitted attribution for K modes, d inputs (sensors vary fastest) and S sensors.

    Parameters
    ----------
    mean : ndarray of shape (K, d), float32
        Of the inputs.
    blame : ndarray of shape (K, d, d) or (K, d), float32
        ``(x - mean) @ blame``, squared and summed over a sensor's inputs, is its likelihood ratio; a vector stands for
        a diagonal matrix.
    level : ndarray of shape (K, d, S), float32
        ``(x - mean) @ level + level_bias`` is each sensor's expected mean over the window, in its own unit. Its
        width is 0 if the inputs carry no levels.
    level_bias : ndarray of shape (K, S), float32
    """

    mean: FloatArray
    blame: FloatArray
    level: FloatArray
    level_bias: FloatArray

    @property
    def gives_levels(self) -> bool:
        """Whether expected values are known."""
        return bool(self.level.shape[2])

    def contributions(self, inputs: FloatArray, scores: FloatArray, sensors: int, mode: Modes) -> FloatArray:
        """Return each sensor's share of the scores, shape (n, sensors): never negative, summing to the score.

        Parameters
        ----------
        inputs : ndarray of shape (n, d), float32
        scores : ndarray of shape (n,), float32
        sensors : int
        mode : ndarray of shape (n,), int
            Index of the distribution to use for each window.
        """
        ratios = np.empty((len(inputs), sensors), np.float32)
        per_sensor = inputs.shape[1] // sensors
        for number in range(len(self.mean)):
            rows = np.flatnonzero(mode == number)
            x, blame = inputs[rows] - self.mean[number], self.blame[number]
            squares = np.square(x * blame if blame.ndim == 1 else x @ blame)
            ratios[rows] = squares.reshape(len(rows), per_sensor, sensors).sum(axis=1) + np.float32(FLOOR)
        return np.asarray(ratios * (scores / ratios.sum(axis=1))[:, None], np.float32)

    def expected(self, inputs: FloatArray, mode: Modes) -> FloatArray:
        """Return each sensor's expected mean over the window, shape (n, S), in sensor units."""
        levels = np.empty((len(inputs), self.level.shape[2]), np.float32)
        for number in range(len(self.mean)):
            rows = np.flatnonzero(mode == number)
            levels[rows] = (inputs[rows] - self.mean[number]) @ self.level[number] + self.level_bias[number]
        return levels

    def arrays(self) -> dict[str, FloatArray]:
        """Return the arrays that store the attribution in a file."""
        return {f"{_PREFIX}{name}": getattr(self, name) for name in _ARRAYS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, FloatArray]) -> Attribution | None:
        """Return the attribution stored in `arrays`; None if there is none."""
        if f"{_PREFIX}mean" not in arrays:
            return None
        return cls(*(arrays[f"{_PREFIX}{name}"] for name in _ARRAYS))
