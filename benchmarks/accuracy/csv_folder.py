"""Any folder of labelled CSV recordings, each learnt on the rows before its first anomaly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from benchmarks.accuracy.counts import Counts
from benchmarks.accuracy.real_path import Recipe, detectors, part_of, relative_scores
from edge_runtime.errors import RecordingError
from training.pipeline import DetectorSettings
from training.recordings import Columns, Recording, read_recording
from training.recordings.findings import SensorPolicy
from training.trainer import TrainingSettings

RECIPE = Recipe(
    DetectorSettings(
        sensor_policy=SensorPolicy(constant="drop"),
        training=TrainingSettings(epochs=200, learning_rate=4e-3, decay=True),
    )
)


@dataclass(frozen=True)
class Figure:
    """What the file of one scheme did on one recording, after the rows it learnt from."""

    name: str
    scheme: str
    seed: int
    counts: Counts
    roc_auc: float


def recordings(folder: Path, label: str) -> list[Recording]:
    """Return every recording of a folder.

    Raises
    ------
    RecordingError
        If there is none, or one lacks the label column.
    """
    files = sorted((*folder.glob("*.csv"), *folder.glob("*.csv.gz")))
    if not files:
        raise RecordingError(f"{folder} has no .csv or .csv.gz file.")
    return [read_recording(file, Columns(label=label)) for file in files]


def figures(
    found: Iterable[Recording], seeds: Iterable[int], on_step: Callable[[str], None] = lambda _: None
) -> list[Figure]:
    """Return F1, FAR, MAR and ROC-AUC for each recording, seed and scheme."""
    results = []
    for recording in found:
        for seed in seeds:
            on_step(f"{recording.name}, seed {seed}")
            results += _figures(recording, seed)
    return results


def _figures(recording: Recording, seed: int) -> list[Figure]:
    labels = _labels(recording)
    # argmax of a boolean array is its first True.
    start = int(labels.argmax()) // 2
    results = []
    for scheme, detector in detectors(part_of(recording, start), RECIPE.with_seed(seed)).items():
        chosen = [recording.sensors.index(name) for name in detector.sensor_names]
        scores = relative_scores(detector, np.ascontiguousarray(recording.values[:, chosen]), RECIPE.mean_rate)
        tested = slice(start, None)
        after, truth = scores[-len(labels[tested]) :], labels[tested]
        auc = float(roc_auc_score(truth, after)) if not truth.all() else float("nan")
        results.append(Figure(recording.name, scheme, seed, Counts.of(truth, after > 1.0), auc))
    return results


def _labels(recording: Recording) -> npt.NDArray[np.bool_]:
    if recording.labels is None or not recording.labels.any():
        raise RecordingError(f"{recording.name} has no anomalous row to find. Expected labels of both kinds.")
    return recording.labels


def table(results: list[Figure]) -> list[tuple[str, ...]]:
    """Return one row per recording and scheme, means over the seeds."""
    rows: list[tuple[str, ...]] = [("recording", "file", "F1", "FAR", "MAR", "ROC-AUC")]
    for name, scheme in dict.fromkeys((result.name, result.scheme) for result in results):
        mine = [result for result in results if (result.name, result.scheme) == (name, scheme)]
        rates = (np.mean([getattr(result.counts, rate) for result in mine]) for rate in ("f1", "far", "mar"))
        auc = np.mean([result.roc_auc for result in mine])
        rows.append((name, scheme, *(f"{rate:.4f}" for rate in rates), f"{auc:.4f}"))
    return rows
