"""How close two sets of codes and scores are: an exported file's and the full model's, here or on the workstation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.manifest import Parity, ParityLimits
from edge_runtime.preprocessing import FloatArray
from edge_runtime.smoothing import Smoother

# Of what a float32 file may differ from the full model: the order of float32 sums, no more.
FLOAT32_CODES_LIMIT = 1e-5


@dataclass(frozen=True)
class Side:
    """What one of the two gave for the same successive windows.

    Parameters
    ----------
    codes : ndarray of shape (n, units), float32
    scores : ndarray of shape (n,), float32
        Raw.
    threshold : float
        Of the smoothed scores.
    """

    codes: FloatArray
    scores: FloatArray
    threshold: float

    def alarms(self, smoothing_span: int) -> npt.NDArray[np.bool_]:
        """Return the windows whose smoothed score is above the threshold."""
        return np.asarray(Smoother(smoothing_span).update_many(self.scores) > self.threshold)


def compare(full: Side, file: Side, smoothing_span: int = 1) -> Parity:
    """Compare a file with the full model; each alarms at its own threshold."""
    reach = max(1.0, float(np.abs(full.codes).max()))
    return Parity(
        n_windows=len(full.scores),
        codes_max_difference=float(np.abs(full.codes - file.codes).max()) / reach,
        codes_correlation=correlation(full.codes.ravel(), file.codes.ravel()),
        score_correlation=correlation(full.scores, file.scores),
        score_rank_correlation=correlation(ranks(full.scores), ranks(file.scores)),
        alarm_agreement=float((full.alarms(smoothing_span) == file.alarms(smoothing_span)).mean()),
        score_max_difference=float(np.abs(full.scores - file.scores).max()) / max(full.threshold, 1e-30),
    )


def shortfalls(parity: Parity, limits: ParityLimits) -> tuple[str, ...]:
    """Return a sentence for each limit that is not kept.

    >>> parity = Parity(100, 0.5, 1.0, 1.0, 1.0, 1.0)
    >>> shortfalls(parity, ParityLimits(codes_difference=0.1))
    ('codes differ by up to 0.5 (limit 0.1)',)
    """
    auc_loss = (parity.roc_auc_full or 0.0) - (parity.roc_auc or 0.0)
    checks = (
        (parity.codes_max_difference <= limits.codes_difference,
         f"codes differ by up to {parity.codes_max_difference:.3g} (limit {limits.codes_difference:g})"),
        (parity.score_correlation >= limits.score_correlation,
         f"scores correlate by {parity.score_correlation:.4f} (limit {limits.score_correlation:g})"),
        (parity.score_rank_correlation >= limits.score_rank_correlation,
         f"score ranks correlate by {parity.score_rank_correlation:.4f} (limit {limits.score_rank_correlation:g})"),
        (parity.alarm_agreement >= limits.alarm_agreement,
         f"alarms agree on {parity.alarm_agreement:.2%} of the windows (limit {limits.alarm_agreement:.2%})"),
        (auc_loss <= limits.auc_loss, f"ROC-AUC falls by {auc_loss:.4f} (limit {limits.auc_loss:g})"),
    )  # fmt: skip
    return tuple(sentence for kept, sentence in checks if not kept)


def correlation(a: npt.NDArray[np.floating[Any]], b: npt.NDArray[np.floating[Any]]) -> float:
    """Return Pearson's correlation; of two equal constants it is 1.

    >>> correlation(np.float32([1, 2, 3]), np.float32([2, 4, 7])).__round__(3)
    0.993
    """
    x, y = (side.astype(np.float64) - side.mean(dtype=np.float64) for side in (a, b))
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale else float(np.allclose(a, b))


def ranks(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return the rank of each value, counted from 1; equal values share the mean of theirs.

    >>> ranks(np.float32([30, 10, 20, 10]))
    array([4. , 1.5, 3. , 1.5])
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse.ravel()], np.float64)


def roc_auc(scores: npt.NDArray[np.floating[Any]], labels: npt.NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve: how often an anomalous window scores higher than a normal one.

    >>> roc_auc(np.float32([1, 2, 3, 4]), np.array([False, True, False, True]))
    0.75

    References
    ----------
    Mann and Whitney (1947), On a test of whether one of two random variables is stochastically larger.
    """
    anomalous = int(labels.sum())
    wins = ranks(scores)[labels].sum() - anomalous * (anomalous + 1) / 2
    return float(wins / (anomalous * (len(labels) - anomalous)))
