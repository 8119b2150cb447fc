"""Contributions of successive windows, of those that are worth their price."""

from __future__ import annotations

import numpy as np

from edge_runtime.detector import Detector
from edge_runtime.judging import Judged
from edge_runtime.preprocessing import FloatArray


def explain_scores(detector: Detector, judged: Judged, above: float) -> FloatArray:
    """Return each sensor's contribution to scores above so many thresholds, zero for the others.

    Where the graph has none of its own they cost a run for every sensor; see `Detector.explain_many`.

    Parameters
    ----------
    above : float
        In thresholds; ``-inf`` explains every score.

    Returns
    -------
    ndarray of shape (n, sensors), float32
    """
    contributions = np.zeros((len(judged.scores), len(detector.sensor_names)), np.float32)
    rows = np.flatnonzero(judged.scores > above * judged.thresholds)
    if len(rows):
        contributions[rows] = detector.explain_many(np.ascontiguousarray(judged.windows[rows]))
    return contributions
