"""Readings as arrays of times and values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import FloatArray, Times


@dataclass(frozen=True)
class Readings:
    """Consecutive readings of a stream; empty if none arrived in time.

    Parameters
    ----------
    times : ndarray of shape (n,), float64
        Seconds since the epoch; NaN if a reading has no time, in which case the stream uses the time of arrival.
    values : ndarray of shape (n, sensors), float64 or float32
        In the model's order; NaN if a value is missing or not a number.
    lost : int
        Number of lines or messages among them that are not readings.
    complaint : str
        Place and problem of the first bad cell or line; empty if there is none.
    """

    times: Times
    values: FloatArray
    lost: int = 0
    complaint: str = ""

    def __len__(self) -> int:
        return len(self.times)


def no_readings(sensors: int, lost: int = 0) -> Readings:
    """Return an empty block of readings."""
    return Readings(np.empty(0), np.empty((0, sensors)), lost)
