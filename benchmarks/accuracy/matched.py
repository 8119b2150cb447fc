"""Detection at a limit set by an oracle: the one that a given share of normal rows exceeds."""

from __future__ import annotations

import numpy as np

from edge_runtime.arrays import FloatArray

MATCHED_FAR = 0.01


def matched_limit(normal_scores: FloatArray, far: float = MATCHED_FAR) -> float:
    """Return the limit that a share `far` of normal scores exceeds.

    It compares methods without their threshold rules; in operation this limit is unknown.

    >>> matched_limit(np.arange(100, dtype=np.float32), far=0.1)
    89.0
    """
    scores = normal_scores[~np.isnan(normal_scores)]
    return float(np.quantile(scores, 1.0 - far, method="lower"))
