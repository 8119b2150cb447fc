"""The threshold: fitted on the exported file's own scores of held-out normal windows."""

from __future__ import annotations

import numpy as np

from edge_runtime.manifest import Threshold
from edge_runtime.preprocessing import FloatArray
from edge_runtime.run_folder import ThresholdRule


def fit_threshold(normal_scores: FloatArray, rule: ThresholdRule) -> Threshold:
    """Return a quantile of normal scores, times a factor.

    Parameters
    ----------
    normal_scores : ndarray of shape (n,), float32
        Smoothed scores of held-out normal windows.

    Examples
    --------
    >>> fit_threshold(np.arange(101.0), ThresholdRule(quantile=0.99, factor=2.0)).value
    198.0
    """
    value = float(np.quantile(normal_scores.astype(np.float64), rule.quantile) * rule.factor)
    method = f"{rule.quantile:g} quantile of held-out normal scores x {rule.factor:.4g}"
    return Threshold(value, method, target_far=1.0 - rule.quantile, n_windows=len(normal_scores))
