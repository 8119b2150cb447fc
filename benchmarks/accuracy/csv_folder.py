"""Any folder of labelled CSV recordings, each learnt on the first half of its rows before the first anomaly.

The labels define which rows are normal; besides the figures they have no other use. The other half of these rows serves
to count false alarms. If a recording has no anomaly, its first half is learnt and the rest gives only a false-alarm
rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.accuracy.accuracy_result import Accuracy, Rows, mean, percent, spread
from benchmarks.accuracy.alarm_runs import DAY_S, FalseAlarms, Flags, heading
from benchmarks.accuracy.counts import Counts
from benchmarks.accuracy.learnt_detector import Learnt
from benchmarks.accuracy.methods import METHODS, Method, methods
from benchmarks.accuracy.outcome import Outcome, pooled, roc_auc
from benchmarks.accuracy.real_path import part_of
from edge_runtime.errors import RecordingError
from training.recordings import Columns, Recording, read_recording

LEAST_ROWS = 100
"""Rows to learn from, at least: of fewer, no threshold can be told."""


def recordings(folder: Path, label: str) -> list[Recording]:
    """Return every recording of a folder.

    Raises
    ------
    RecordingError
        If there is none, one lacks the label column, or one has too few normal rows to learn from.
    """
    files = sorted((*folder.glob("*.csv"), *folder.glob("*.csv.gz")))
    if not files:
        raise RecordingError(f"{folder} has no .csv or .csv.gz file. Expected labelled recordings.")
    found = [read_recording(file, Columns(label=label)) for file in files]
    for recording in found:
        _check_normal_rows(recording, label)
    return found


def _check_normal_rows(recording: Recording, label: str) -> None:
    labels = _labels(recording)
    if normal_rows(labels) >= LEAST_ROWS:
        return
    first = int(labels.argmax())
    what = f"its first anomaly is in row {first}" if labels.any() else f"it has {len(labels)} rows"
    raise RecordingError(
        f"{recording.name} has too few normal rows to learn from: {what}. Expected at least {2 * LEAST_ROWS} normal "
        f"rows at its beginning. Column {label}: empty, 0, false, normal, no and ok are normal, others are anomalous."
    )


def normal_rows(labels: Flags) -> int:
    """Return the number of rows to learn from.

    >>> normal_rows(np.array([False] * 6 + [True, False])), normal_rows(np.array([False] * 6))
    (3, 3)
    """
    # argmax of a boolean array is its first True.
    return int(labels.argmax() if labels.any() else len(labels)) // 2


def _labels(recording: Recording) -> Flags:
    return np.zeros(len(recording.values), bool) if recording.labels is None else recording.labels


def measure(
    found: Iterable[Recording], seeds: Iterable[int], on_step: Callable[[str], None] = lambda _: None
) -> Accuracy:
    """Return the outcome of every method on each recording."""
    results, ready, learnt_rows = [], [], {}
    for recording in found:
        start = learnt_rows[recording.name] = normal_rows(_labels(recording))
        for seed in seeds:
            on_step(f"{recording.name}, seed {seed}")
            learnt = methods(part_of(recording, start), seed)
            results += [_outcome(recording, start, one, seed) for one in learnt]
            ready += [(recording.name, one) for one in learnt]
    tables = (("", table(results, learnt_rows)),)
    return Accuracy("CSV", None, tables, tuple(results), tuple(summary(results)), Learnt.of(ready))


def _outcome(recording: Recording, start: int, method: Method, seed: int) -> Outcome:
    relative = method.relative_scores(recording)
    scored = ~np.isnan(relative)
    scored[:start] = False
    labels, after = _labels(recording)[scored], relative[scored]
    row_s = 1.0 / recording.rate_hz if recording.rate_hz else 0.0
    return Outcome(
        recording.name, method.name, seed,
        counts=Counts.of(labels, after > 1.0),
        false_alarms=FalseAlarms.of(after > 1.0, labels, row_s),
        promised_far=method.promised_far,
        roc_auc=roc_auc(labels, after),
    )  # fmt: skip


@dataclass(frozen=True)
class Rates:
    """Figures of a method on one recording or on all of them, one per seed; empty where there is no such row."""

    method: str
    f1: tuple[float, ...]
    far: tuple[float, ...]
    mar: tuple[float, ...]
    alarms_a_day: tuple[float | None, ...]


def summary(results: list[Outcome]) -> list[Rates]:
    """Return one row per method, all rows pooled."""
    return [_rates(method, [one for one in results if one.method == method]) for method in METHODS]


def _rates(method: str, results: list[Outcome]) -> Rates:
    found = pooled(results)
    anomalous = found if any(one.has_anomalies for one in results) else []
    return Rates(
        method,
        f1=tuple(counts.f1 for counts, _ in anomalous),
        far=tuple(counts.far for counts, _ in found),
        mar=tuple(counts.mar for counts, _ in anomalous),
        alarms_a_day=tuple(alarms.per(DAY_S) for _, alarms in found),
    )


def table(results: list[Outcome], learnt_rows: Mapping[str, int]) -> Rows:
    """Return one row per recording and method, and all rows pooled; means over the seeds and their spread."""
    rows: Rows = [("recording", "method", "rows learnt", "F1", "FAR", "MAR", heading(DAY_S), "ROC-AUC")]
    for name, method in dict.fromkeys((one.recording, one.method) for one in results):
        mine = [one for one in results if (one.recording, one.method) == (name, method)]
        rows.append((name, method, str(learnt_rows[name]), *_cells(_rates(method, mine)),
                     spread(one.roc_auc for one in mine)))  # fmt: skip
    return rows + [("all rows", one.method, "", *_cells(one), "") for one in summary(results)]


def _cells(rates: Rates) -> tuple[str, ...]:
    return spread(rates.f1), percent(mean(rates.far)), percent(mean(rates.mar)), spread(rates.alarms_a_day, ".1f")
