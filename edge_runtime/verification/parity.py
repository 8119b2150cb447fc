"""Comparison of two sets of codes and scores: an exported file's and the float32 detector's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.model_file.manifest import Parity, ParityLimits

# Allowed difference of a float32 file from the full model: only the order of float32 sums.
FLOAT32_CODES_LIMIT = 1e-5
_CLOSE = 0.05


@dataclass(frozen=True)
class Side:
    """One side's outputs for the same windows.

    Parameters
    ----------
    codes : ndarray of shape (n, units), float32
    scores : ndarray of shape (n,), float32
        Raw; 1 is the threshold.
    """

    codes: FloatArray
    scores: FloatArray


def compare(full: Side, file: Side) -> Parity:
    """Compare a file with the same detector in float32."""
    reach = max(1.0, float(np.abs(full.codes).max(initial=0.0)))
    return Parity(
        n_windows=len(full.scores),
        codes_max_difference=float(np.abs(full.codes - file.codes).max(initial=0.0)) / reach,
        codes_correlation=correlation(full.codes.ravel(), file.codes.ravel()),
        score_correlation=correlation(full.scores, file.scores),
        score_rank_correlation=correlation(ranks(full.scores), ranks(file.scores)),
        alarm_agreement=float(_agree(full.scores, file.scores).mean()),
        score_max_difference=float(np.abs(full.scores - file.scores).max()),
    )


def _agree(full: FloatArray, file: FloatArray) -> BoolArray:
    """Return where both alarm or neither does; scores this close to each other count as equal."""
    is_close = np.abs(full - file) <= _CLOSE * np.maximum(full, file)
    return np.asarray(((full > 1.0) == (file > 1.0)) | is_close)


def shortfalls(parity: Parity, limits: ParityLimits) -> tuple[str, ...]:
    """Return a sentence for each violated limit.

    >>> parity = Parity(100, 0.0, 1.0, 1.0, 1.0, 0.98)
    >>> shortfalls(parity, ParityLimits())
    ('alarms agree on 98.00% of the windows (limit 99.00%)',)
    """
    checks = [
        (parity.alarm_agreement >= limits.alarm_agreement,
         f"alarms agree on {parity.alarm_agreement:.2%} of the windows (limit {limits.alarm_agreement:.2%})"),
        *(
            ((full or 0.0) - (own or 0.0) <= limits.auc_loss,
             f"ROC-AUC on {what} falls from {full:.4f} to {own:.4f} (limit {limits.auc_loss:g})")
            for what, full, own in (
                ("synthetic faults", parity.roc_auc_full, parity.roc_auc),
                ("the labelled windows", parity.labelled_roc_auc_full, parity.labelled_roc_auc),
            )
            if full is not None
        ),
    ]  # fmt: skip
    return tuple(sentence for kept, sentence in checks if not kept)


def correlation(a: npt.NDArray[np.floating[Any]], b: npt.NDArray[np.floating[Any]]) -> float:
    """Return Pearson's correlation; 1 for two equal constants.

    >>> correlation(np.float32([1, 2, 3]), np.float32([2, 4, 7])).__round__(3)
    0.993
    """
    x, y = (side.astype(np.float64) - side.mean(dtype=np.float64) for side in (a, b))
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale else float(np.allclose(a, b))


def ranks(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return the rank of each value, counted from 1; equal values share their mean rank.

    >>> ranks(np.float32([30, 10, 20, 10]))
    array([4. , 1.5, 3. , 1.5])
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse.ravel()], np.float64)


def roc_auc(scores: npt.NDArray[np.floating[Any]], labels: BoolArray) -> float:
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
