"""What a stream says of successive windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, IntArray
from edge_runtime.streaming.blame import Evidence


@dataclass(frozen=True)
class Scores:
    """A stream's results for successive windows.

    Parameters
    ----------
    ends : ndarray of shape (n,), int64
        Index of the reading that each window ends with, among those given.
    scores : ndarray of shape (n,), float32
        Smoothed.
    thresholds : ndarray of shape (n,), float32
        The threshold for each score.
    codes : ndarray of shape (n, units), float32
        Without units if not wanted.
    evidence : Evidence
        Contributions are smoothed like the scores if the model has its own, otherwise zero where they are not wanted;
        all without sensors if nothing is to be explained.
    """

    ends: IntArray
    scores: FloatArray
    thresholds: FloatArray
    codes: FloatArray
    evidence: Evidence

    @property
    def anomalies(self) -> BoolArray:
        """Which scores are above the threshold, shape (n,)."""
        return np.asarray(self.scores > self.thresholds)
