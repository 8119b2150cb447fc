"""What a model expected of its sensors, beside what they said."""

from __future__ import annotations

import numpy as np

from edge_runtime.detector import Detector
from edge_runtime.preprocessing import FloatArray

_BAND_SCALES = 3.0


def expected_values(detector: Detector, readings: FloatArray) -> FloatArray:
    """Return the expected value of each sensor at each of some successive readings, shape (n, sensors).

    It is the centre that training found.

    Parameters
    ----------
    readings : ndarray of shape (n, sensors)
        In sensor units; NaN where a value is missing.
    """
    return np.broadcast_to(np.array(detector.manifest.spec.preprocessing.center), readings.shape)


def expected_bands(detector: Detector) -> FloatArray:
    """Return how far normal readings are from the expected value at most, shape (sensors,): three scales."""
    return np.asarray(_BAND_SCALES * np.array(detector.manifest.spec.preprocessing.scale))
