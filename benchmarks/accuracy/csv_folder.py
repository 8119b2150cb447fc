"""Any folder of labelled CSV recordings, each learnt on the first half of its rows before the first anomaly.

Someone has to say which rows are normal; here the labels do, and that is all they are used for besides the figures.
The other half of these rows is left to count false alarms on. Of a recording without any anomaly the first half is
learnt, and what follows gives a false-alarm rate alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from benchmarks.accuracy.counts import Counts
from benchmarks.accuracy.real_path import SCHEMES, Recipe, detectors, is_close, part_of, relative_scores
from benchmarks.accuracy.result import Accuracy, Rows, digits, distance_note, mean, percent
from edge_runtime.errors import RecordingError
from edge_runtime.judging import Judge
from training.pipeline import DetectorSettings
from training.recordings import Columns, Recording, read_recording
from training.recordings.findings import SensorPolicy
from training.trainer import TrainingSettings

RECIPE = Recipe(
    DetectorSettings(
        sensor_policy=SensorPolicy(constant="drop", drift="drop"),
        training=TrainingSettings(epochs=200, learning_rate=4e-3, decay=True),
    )
)
LEAST_ROWS = 100
"""Rows to learn from, at least: of fewer, no threshold can be told."""


@dataclass(frozen=True)
class Figure:
    """What the file of one scheme did on one recording, after the rows it learnt from.

    Parameters
    ----------
    name, scheme : str
    seed : int
    learnt_rows : int
    counts : Counts
    f1, mar, roc_auc : float or None
        None where no row is anomalous.
    is_close : bool
        Whether export would have written the file unasked.
    """

    name: str
    scheme: str
    seed: int
    learnt_rows: int
    counts: Counts
    f1: float | None
    far: float
    mar: float | None
    roc_auc: float | None
    is_close: bool = True


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
        f"rows at its beginning. Column {label}: empty, 0, false, normal, no and ok are normal, all else is anomalous."
    )


def normal_rows(labels: npt.NDArray[np.bool_]) -> int:
    """Return how many rows are learnt from.

    >>> normal_rows(np.array([False] * 6 + [True, False])), normal_rows(np.array([False] * 6))
    (3, 3)
    """
    # argmax of a boolean array is its first True.
    return int(labels.argmax() if labels.any() else len(labels)) // 2


def _labels(recording: Recording) -> npt.NDArray[np.bool_]:
    return np.zeros(len(recording.values), bool) if recording.labels is None else recording.labels


def figures(
    found: Iterable[Recording], seeds: Iterable[int], on_step: Callable[[str], None] = lambda _: None
) -> list[Figure]:
    """Return the rates of each recording, seed and scheme."""
    results = []
    for recording in found:
        for seed in seeds:
            on_step(f"{recording.name}, seed {seed}")
            results += _figures(recording, seed)
    return results


def _figures(recording: Recording, seed: int) -> list[Figure]:
    labels = _labels(recording)
    start = normal_rows(labels)
    results = []
    for scheme, detector in detectors(part_of(recording, start), RECIPE.with_seed(seed)).items():
        relative = relative_scores(Judge.of(detector), recording)
        scored = np.isfinite(relative)
        scored[:start] = False
        truth, after = labels[scored], relative[scored]
        counts = Counts.of(truth, after > 1.0)
        has_both = truth.any() and not truth.all()
        results.append(
            Figure(
                recording.name, scheme, seed, start, counts,
                f1=counts.f1 if truth.any() else None,
                far=counts.far,
                mar=counts.mar if truth.any() else None,
                roc_auc=float(roc_auc_score(truth, after)) if has_both else None,
                is_close=is_close(detector),
            )
        )  # fmt: skip
    return results


@dataclass(frozen=True)
class Pooled:
    """Rates of one scheme's files over all rows of all recordings, means over the seeds."""

    scheme: str
    f1: float | None
    far: float
    mar: float | None


def pooled(results: list[Figure]) -> list[Pooled]:
    """Return one row per scheme."""
    rows = []
    for scheme in SCHEMES:
        mine = [one for one in results if one.scheme == scheme]
        counts = [sum((one.counts for one in mine if one.seed == seed), Counts()) for seed in {r.seed for r in mine}]
        has_anomalies = bool(counts[0].hits + counts[0].missed)
        f1, far, mar = (float(np.mean([getattr(one, rate) for one in counts])) for rate in ("f1", "far", "mar"))
        rows.append(Pooled(scheme, f1 if has_anomalies else None, far, mar if has_anomalies else None))
    return rows


def accuracy(results: list[Figure]) -> Accuracy:
    """Return the table and figures of some recordings."""
    note = distance_note(f"{one.name} {one.scheme}" for one in results if not one.is_close)
    return Accuracy("CSV", None, RECIPE, (("", table(results)),), tuple(results), tuple(pooled(results)), note)


def table(results: list[Figure]) -> Rows:
    """Return one row per recording and scheme, means over the seeds, and all rows pooled."""
    rows: Rows = [("recording", "file", "rows learnt", "F1", "FAR", "MAR", "ROC-AUC")]
    for name, scheme in dict.fromkeys((one.name, one.scheme) for one in results):
        mine = [one for one in results if (one.name, one.scheme) == (name, scheme)]
        f1, far, mar, auc = (mean(getattr(one, rate) for one in mine) for rate in ("f1", "far", "mar", "roc_auc"))
        rows.append((name, scheme, str(mine[0].learnt_rows), digits(f1), percent(far), percent(mar), digits(auc)))
    rows += [
        ("all rows", one.scheme, "", digits(one.f1), percent(one.far), percent(one.mar), "") for one in pooled(results)
    ]
    return rows
