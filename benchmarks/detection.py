"""Detection figures of a scored recording: how well, how soon, which sensors."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from benchmarks.report.report_model import FaultRow, Figures
from benchmarks.scored_recording import ScoredRecording
from edge_runtime.replay.confusion import Confusion
from edge_runtime.verification.parity import roc_auc

_TOP_SENSORS = 5


def figures(scored: ScoredRecording) -> Figures:
    """Return ROC-AUC, F1, FAR and MAR if there are labels, which have no other use."""
    labels, n_windows = scored.labels, len(scored.scores)
    if labels is None:
        return Figures(None, None, None, None, n_windows, 0)
    counts = Confusion()
    counts.add(labels, scored.anomalies)
    both = labels.any() and not labels.all()
    return Figures(
        roc_auc=roc_auc(scored.scores, labels) if both else None,
        f1=counts.f1 if labels.any() else None,
        far=counts.far if not labels.all() else None,
        mar=counts.mar if labels.any() else None,
        n_windows=n_windows,
        n_anomalous=int(labels.sum()),
    )


def fault_rows(scored: ScoredRecording) -> tuple[FaultRow, ...]:
    """Return one row per stretch of the same fault: delay until the first alarm, and who is to blame."""
    return tuple(_fault_row(scored, name, stretch) for name, stretch in _stretches(fault_names(scored)) if name)


def fault_names(scored: ScoredRecording) -> npt.NDArray[np.str_]:
    """Return the name of the fault at each window, ``labelled`` if there is only a label, empty if there is none."""
    if scored.faults is not None:
        return scored.faults
    if scored.labels is not None:
        return np.where(scored.labels, "labelled", "")
    return np.full(len(scored.scores), "")


def _stretches(names: npt.NDArray[np.str_]) -> Iterator[tuple[str, slice]]:
    starts = np.flatnonzero(names[1:] != names[:-1]) + 1
    edges = [0, *starts.tolist(), len(names)]
    for start, stop in itertools.pairwise(edges):
        yield str(names[start]), slice(start, stop)


def _fault_row(scored: ScoredRecording, name: str, stretch: slice) -> FaultRow:
    times, alarms = scored.times[stretch], scored.alarm_numbers[stretch] > 0
    return FaultRow(
        fault=name,
        start_s=float(times[0] - (scored.times[0] if scored.has_time else 0)),
        duration_s=float(times[-1] - times[0]),
        delay_s=float(times[alarms][0] - times[0]) if alarms.any() else None,
        blame=scored.blame.get(("fault", stretch.start), ())[:_TOP_SENSORS],
    )
