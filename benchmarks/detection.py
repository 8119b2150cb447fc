"""Detection figures of a scored recording: how well, how soon, which sensors."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.metrics import roc_auc_score

from benchmarks.report.model import FaultRow, Figures
from edge_runtime.confusion import Confusion

_CONTRIBUTION = "contribution_"
_TOP_SENSORS = 5


@dataclass(frozen=True)
class Scores:
    """A table written by ``saelite score --explain``, and what the recording says of the same rows.

    Parameters
    ----------
    rows : ndarray of shape (n,), int64
    seconds : ndarray of shape (n,), float64
        Since the recording's first row.
    scores : ndarray of shape (n,), float64
    alarms, labels : ndarray of shape (n,), bool
    faults : tuple of str
    sensors : tuple of str
    contributions : ndarray of shape (n, sensors), float64
    """

    rows: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    alarms: npt.NDArray[np.bool_]
    labels: npt.NDArray[np.bool_]
    faults: tuple[str, ...]
    sensors: tuple[str, ...]
    contributions: npt.NDArray[np.float64]

    def part(self, start: int, stop: int | None = None) -> Scores:
        """Return the windows that end in rows start to stop."""
        chosen = (self.rows >= start) & (self.rows < (stop if stop is not None else np.inf))
        return Scores(
            self.rows[chosen],
            self.seconds[chosen],
            self.scores[chosen],
            self.alarms[chosen],
            self.labels[chosen],
            tuple(np.asarray(self.faults, object)[chosen]),
            self.sensors,
            self.contributions[chosen],
        )


def read_scores(scores: Path, recording: Path) -> Scores:
    """Read a table of scores beside the labelled recording it was made from."""
    table, truth = (pl.read_csv(path, infer_schema_length=None) for path in (scores, recording))
    rows = table["row"].to_numpy()
    times = truth["time"].str.to_datetime(strict=True)
    names = [name for name in table.columns if name.startswith(_CONTRIBUTION)]
    return Scores(
        rows=rows,
        seconds=(times - times[0]).dt.total_milliseconds().to_numpy()[rows] / 1e3,
        scores=table["score"].cast(pl.Float64).to_numpy(),
        alarms=table["anomaly"].to_numpy().astype(bool),
        labels=truth["anomaly"].to_numpy().astype(bool)[rows],
        faults=tuple(truth["fault"].fill_null("").to_numpy()[rows]),
        sensors=tuple(name.removeprefix(_CONTRIBUTION) for name in names),
        contributions=table.select(names).cast(pl.Float64).to_numpy(),
    )


def figures(scores: Scores) -> Figures:
    """Return ROC-AUC, F1, FAR and MAR; labels serve for nothing else."""
    counts = Confusion()
    counts.add(scores.labels, scores.alarms)
    both = scores.labels.any() and not scores.labels.all()
    return Figures(
        roc_auc=float(roc_auc_score(scores.labels, scores.scores)) if both else None,
        f1=counts.f1,
        far=counts.far,
        mar=counts.mar,
        n_windows=len(scores.rows),
        n_anomalous=int(scores.labels.sum()),
    )


def fault_rows(scores: Scores) -> tuple[FaultRow, ...]:
    """Return one row per stretch of the same fault: delay until the first alarm, and who is to blame."""
    rows, start = [], 0
    for fault, stretch in groupby(scores.faults):
        stop = start + len(list(stretch))
        if fault:
            rows.append(_fault_row(scores, fault, slice(start, stop)))
        start = stop
    return tuple(rows)


def _fault_row(scores: Scores, fault: str, stretch: slice) -> FaultRow:
    seconds, alarms = scores.seconds[stretch], scores.alarms[stretch]
    blamed = scores.contributions[stretch][alarms if alarms.any() else slice(None)]
    shares = np.maximum(blamed, 0.0).mean(axis=0)
    shares /= max(float(shares.sum()), 1e-30)
    order = np.argsort(-shares)[:_TOP_SENSORS]
    return FaultRow(
        fault=fault,
        start_s=float(seconds[0]),
        duration_s=float(seconds[-1] - seconds[0]),
        delay_s=float(seconds[alarms][0] - seconds[0]) if alarms.any() else None,
        blame=tuple((scores.sensors[sensor], float(shares[sensor])) for sensor in order),
    )
