"""The threshold: fitted on the exported file's own scores of held-out normal windows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from edge_runtime.errors import RecordingError
from edge_runtime.manifest import Threshold
from edge_runtime.preprocessing import FloatArray
from edge_runtime.run_folder import ThresholdRule

# Peaks over this quantile are taken as the tail; with fewer of them its shape cannot be told.
_TAIL_QUANTILE = 0.95
_LEAST_PEAKS = 10


def fit_threshold(normal_scores: FloatArray, rule: ThresholdRule) -> Threshold:
    """Fit on the first part of the scores, in time, and count the false alarms in the rest.

    Parameters
    ----------
    normal_scores : ndarray of shape (n,), float32
        Smoothed scores of held-out normal windows, in time order.
    rule : ThresholdRule

    Raises
    ------
    RecordingError
        If there are too few scores for peaks over threshold.

    Examples
    --------
    >>> rule = ThresholdRule(quantile=0.99, factor=2.0, check_fraction=0.0)
    >>> fit_threshold(np.arange(101.0), rule).value
    198.0
    """
    scores = normal_scores.astype(np.float64)
    cut = len(scores) - int(len(scores) * rule.check_fraction)
    fitted, check = scores[:cut], scores[cut:]
    value = _FITS[rule.method](fitted, rule)
    return Threshold(
        value,
        rule.text(),
        target_far=rule.nominal_far,
        n_windows=len(fitted),
        measured_far=float((check > value).mean()) if len(check) else None,
        n_measured=len(check),
    )


def _quantile_times_factor(scores: npt.NDArray[np.float64], rule: ThresholdRule) -> float:
    return float(np.quantile(scores, rule.quantile) * rule.factor)


def _target_far(scores: npt.NDArray[np.float64], rule: ThresholdRule) -> float:
    # The higher of the two neighbours: a rate that falls between them is not to be exceeded.
    return float(np.quantile(scores, 1.0 - rule.target_far, method="higher"))


def _peaks_over_threshold(scores: npt.NDArray[np.float64], rule: ThresholdRule) -> float:
    """Return where the tail's generalised Pareto distribution leaves `target_far` (Siffer et al., 2017)."""
    start = float(np.quantile(scores, _TAIL_QUANTILE))
    peaks = scores[scores > start] - start
    if len(peaks) < _LEAST_PEAKS:
        raise RecordingError(
            f"peaks over threshold need at least {_LEAST_PEAKS} scores above their {_TAIL_QUANTILE:g} quantile to tell "
            f"the tail's shape. Received: {len(peaks)} of {len(scores)} held-out windows. "
            "Record more, or choose --threshold quantile."
        )
    shape, _, scale = stats.genpareto.fit(peaks, floc=0.0)
    share = min(rule.target_far * len(scores) / len(peaks), 1.0)
    return start + float(stats.genpareto.isf(share, shape, scale=scale))


_FITS = {"quantile": _quantile_times_factor, "far": _target_far, "pot": _peaks_over_threshold}
