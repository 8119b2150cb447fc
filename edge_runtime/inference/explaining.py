"""Contributions to the smoothed scores of successive windows."""

from __future__ import annotations

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.inference.detector import Detector
from edge_runtime.signal.smoothing import RowSmoother
from edge_runtime.streaming.judging import Judged


class Explainer:
    """Says which sensors the scores of a stream are due to, window after window.

    Parameters
    ----------
    detector : Detector
    above : float
        Where the model has no contributions of its own they cost a run for every sensor: only scores above so many
        thresholds get them, the others get zeros. ``-inf`` explains every score.
    """

    def __init__(self, detector: Detector, above: float) -> None:
        self._detector, self._above = detector, above
        self._smoother = RowSmoother(detector.manifest.spec.scoring.smoothing_span)
        self._has_own = "contributions" in detector.outputs

    def explain(self, judged: Judged, seen: FloatArray | None = None) -> FloatArray:
        """Return each sensor's contribution, shape (n, sensors); smoothed as the scores are where all are known.

        Parameters
        ----------
        judged : Judged
        seen : ndarray of shape (n, sensors), optional
            The model's own contributions, where they are known already.
        """
        if self._has_own:
            raw = self._detector.explain_many(judged.windows) if seen is None else seen
            # Of a window that nothing limits they can overflow, and JSON has no word for infinity.
            return self._smoother.update_many(np.nan_to_num(raw)) if len(raw) else raw
        contributions = np.zeros((len(judged.scores), len(self._detector.sensor_names)), np.float32)
        rows = np.flatnonzero(judged.scores > self._above * judged.thresholds)
        if len(rows):
            contributions[rows] = self._detector.explain_many(np.ascontiguousarray(judged.windows[rows]))
        return np.nan_to_num(contributions)
