"""Readings as they come: times and values, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import FloatArray, Times


@dataclass(frozen=True)
class Readings:
    """Some consecutive readings of a stream; none, where nothing came in time.

    Parameters
    ----------
    times : ndarray of shape (n,), float64
        Seconds since the epoch; NaN where a reading does not say: the stream takes the time it came in.
    values : ndarray of shape (n, sensors), float64
        In the model's order; NaN where a value is missing or no number.
    lost : int
        Lines or messages between them that were no reading at all.
    """

    times: Times
    values: FloatArray
    lost: int = 0

    def __len__(self) -> int:
        return len(self.times)


def no_readings(sensors: int, lost: int = 0) -> Readings:
    """Return no reading at all."""
    return Readings(np.empty(0), np.empty((0, sensors)), lost)
