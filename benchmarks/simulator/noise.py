"""Autocorrelated noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

Floats = npt.NDArray[np.float64]


def autocorrelated(rows: int, memories: Floats, rng: np.random.Generator) -> Floats:
    """Return AR(1) noise of variance 1, stationary from the first row on.

    ``x[t] = a * x[t - 1] + sqrt(1 - a**2) * e[t]`` with ``a = exp(-1 / memory)``.

    Parameters
    ----------
    rows : int
    memories : ndarray of shape (columns,)
        Rows after which the autocorrelation of each column has fallen to 1/e.

    Returns
    -------
    ndarray of shape (rows, columns)
    """
    decay = np.exp(-1.0 / np.maximum(memories, 1e-9))
    white = rng.normal(size=(rows, len(memories)))
    steps = white * np.sqrt(1.0 - decay**2)
    steps[0] = white[0]
    return np.stack([lfilter([1.0], [1.0, -a], column) for a, column in zip(decay, steps.T, strict=True)], axis=1)


def lagged(values: Floats, memory: float) -> Floats:
    """Return columns after a first-order lag of `rows` rows, starting from their first values; no lag below one row."""
    decay = float(np.exp(-1.0 / memory)) if memory > 0 else 0.0
    return np.asarray(lfilter([1.0 - decay], [1.0, -decay], values, axis=0, zi=decay * values[:1])[0])
