"""What one method did on the rows of one recording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.accuracy.alarm_runs import FalseAlarms, Flags
from benchmarks.accuracy.counts import Counts
from edge_runtime.arrays import FloatArray


@dataclass(frozen=True)
class Outcome:
    """Figures of one method, by its own threshold.

    Parameters
    ----------
    recording, method : str
    seed : int
    counts : Counts
        Rows.
    false_alarms : FalseAlarms
        Runs of rows.
    promised_far : float or None
        Maximum share of normal rows in alarm that it promised; None if the recording was refused.
    roc_auc : float or None
        Of the smoothed scores; None unless there are both kinds of rows.
    """

    recording: str
    method: str
    seed: int
    counts: Counts
    false_alarms: FalseAlarms
    promised_far: float | None = None
    roc_auc: float | None = None

    @property
    def has_anomalies(self) -> bool:
        """Whether any row is anomalous."""
        return self.counts.hits + self.counts.missed > 0


def roc_auc(labels: Flags, scores: FloatArray) -> float | None:
    """Return the ROC-AUC, None unless there are both kinds of rows; NaN counts as the lowest score."""
    if labels.all() or not labels.any():
        return None
    return float(roc_auc_score(labels, np.nan_to_num(scores, nan=0.0, posinf=float(np.finfo(np.float32).max))))


def pooled(outcomes: Iterable[Outcome]) -> list[tuple[Counts, FalseAlarms]]:
    """Return counts and false alarms summed over the recordings, one pair per seed."""
    found = list(outcomes)
    by_seed = ([one for one in found if one.seed == seed] for seed in sorted({one.seed for one in found}))
    return [
        (sum((one.counts for one in mine), Counts()), sum((one.false_alarms for one in mine), FalseAlarms()))
        for mine in by_seed
    ]
