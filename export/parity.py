"""How close an exported file is to the full model it came from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from edge_runtime.manifest import Parity
from edge_runtime.preprocessing import FloatArray
from edge_runtime.run_folder import ThresholdRule
from edge_runtime.smoothing import Smoother
from export.threshold import fit_threshold


def compare(  # noqa: PLR0913 - two sides of the same three things
    full_codes: FloatArray,
    full_scores: FloatArray,
    file_codes: FloatArray,
    file_scores: FloatArray,
    rule: ThresholdRule,
    smoothing_span: int,
) -> Parity:
    """Compare codes of shape (n, units) and raw scores of shape (n,) on the same held-out windows.

    The alarms are those of the smoothed scores, each side at the threshold fitted on its own scores.
    """
    return Parity(
        n_windows=len(full_scores),
        codes_max_difference=float(np.abs(full_codes - file_codes).max()),
        codes_correlation=_pearson(full_codes.ravel(), file_codes.ravel()),
        score_correlation=_pearson(full_scores, file_scores),
        score_rank_correlation=float(stats.spearmanr(full_scores, file_scores).statistic),
        alarm_agreement=float(
            (_alarms(full_scores, rule, smoothing_span) == _alarms(file_scores, rule, smoothing_span)).mean()
        ),
    )


def _pearson(a: FloatArray, b: FloatArray) -> float:
    return float(np.corrcoef(a.astype(np.float64), b.astype(np.float64))[0, 1])


def _alarms(scores: FloatArray, rule: ThresholdRule, smoothing_span: int) -> npt.NDArray[np.bool_]:
    smoothed = Smoother(smoothing_span).update_many(scores)
    return np.asarray(smoothed > fit_threshold(smoothed, rule).value)
