"""Expected values of a model's sensors beside their readings."""

from __future__ import annotations

import numpy as np

from edge_runtime.arrays import FloatArray, Times
from edge_runtime.inference.detector import Detector
from edge_runtime.signal.cycle import course_of, without_course
from edge_runtime.signal.windows import sliding_windows

_BAND_DEVIATIONS = 3.0


def expected_bands(detector: Detector) -> FloatArray:
    """Return how far normal levels are from the expected value at most, shape (sensors,): three standard deviations."""
    return np.asarray(_BAND_DEVIATIONS * detector.deviations, np.float32)


def expected_values(detector: Detector, readings: FloatArray, times: Times) -> FloatArray:
    """Return what was expected of each reading, shape (n, sensors), in the sensors' units.

    Parameters
    ----------
    readings : ndarray of shape (n, sensors)
        NaN where a value is missing.
    times : ndarray of shape (n,), float64
        Seconds since the epoch.
    """
    course = course_of(detector.spec)
    expected = detector.expected_many(windows_at(detector, without_course(readings, times, course)))
    return expected if course is None else expected + course.at(times)


def windows_at(detector: Detector, readings: FloatArray) -> FloatArray:
    """Return the window that ends with each of some readings, shape (n, window, sensors).

    A missing value is held over from the reading before, or is the centre; before the first reading it is repeated.

    Parameters
    ----------
    readings : ndarray of shape (n, sensors)
        NaN where a value is missing.
    """
    preprocessing = detector.manifest.spec.preprocessing
    known = np.isfinite(readings)
    newest = np.maximum.accumulate(np.where(known, np.arange(len(readings))[:, None], -1), axis=0)
    held = np.where(newest >= 0, np.take_along_axis(readings, np.maximum(newest, 0), axis=0), preprocessing.center)
    padded = np.concatenate([np.repeat(held[:1], preprocessing.window - 1, axis=0), held])
    return sliding_windows(padded.astype(np.float32), preprocessing.window)
