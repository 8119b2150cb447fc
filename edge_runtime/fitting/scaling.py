"""What training and device share of fitting a scaling."""

from __future__ import annotations

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.moments import Floats

QUANTILE_ROWS = 100_000
"""Quantiles of this many rows, evenly spread, are accurate to half a per cent of the interquartile range."""
FEATURE_FLOOR = 1e-3
"""Smallest scale of a feature, in scaled units: one that hardly ever changes is not magnified beyond this."""
# Interquartile range of a normal distribution, in standard deviations.
_NORMAL_IQR = 1.349


def robust(sample: FloatArray, deviation: Floats) -> tuple[Floats, Floats]:
    """Return median and interquartile range / 1.349 of each column.

    Parameters
    ----------
    sample : ndarray of shape (n, sensors)
    deviation : ndarray of shape (sensors,)
        Taken where the interquartile range is zero, for a sensor that mostly rests.
    """
    low, center, high = np.quantile(sample, [0.25, 0.5, 0.75], axis=0)
    return np.asarray(center), np.where(high > low, (high - low) / _NORMAL_IQR, deviation)
