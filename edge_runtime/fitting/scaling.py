"""What training and device share of fitting a scaling."""

from __future__ import annotations

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.moments import Floats
from edge_runtime.model_file.manifest import DetectorSpec
from edge_runtime.signal.preprocessing import Preprocessing

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


def rescaled(spec: DetectorSpec, preprocessing: Preprocessing) -> DetectorSpec:
    """Return a detector with another centre and scale; its modes stay where they are in scales from the centre."""
    before, after = spec.preprocessing, preprocessing
    modes = [(np.array(one) - before.center) / before.scale * after.scale + after.center for one in spec.modes]
    # As float32 holds them, which is what C has.
    as_tuples = tuple(tuple(one.astype(np.float32).tolist()) for one in modes)
    return spec._replace(preprocessing=preprocessing, modes=as_tuples)
