"""ADBench, one-class: fit on half of the normal rows, test on the other half and every anomaly, by ROC-AUC.

Rows are independent, so there is no window, no smoothing and no threshold in it (Han et al., 2022, ADBench:
anomaly detection benchmark).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from benchmarks.accuracy.real_path import SCHEMES, Recipe, detectors, is_close
from benchmarks.accuracy.result import Accuracy, Rows, distance_note
from edge_runtime.detector import Detector
from edge_runtime.errors import RecordingError
from edge_runtime.preprocessing import FloatArray
from training.pipeline import DetectorSettings
from training.recordings import Recording
from training.recordings.findings import SensorPolicy
from training.trainer import TrainingSettings

MOST_ROWS = 20_000
HEADS = ("deep", "t2x", "t2", "joint", "residual", "spe")
RECIPE = Recipe(
    DetectorSettings(
        hidden=(128,),
        code_size=128,
        alpha=0.02,
        smoothing_span=1,
        validation_fraction=0.1,
        sensor_policy=SensorPolicy(constant="drop", duplicate="keep", drift="keep"),
        training=TrainingSettings(epochs=10, batch_size=64, learning_rate=4e-3, decay=True),
    )
)
"""One recipe for every set; its head is given by name."""


@dataclass(frozen=True)
class Split:
    """A set, cut by the protocol.

    Parameters
    ----------
    name : str
    normal : Recording
        Half of the normal rows.
    rows : ndarray of shape (n, columns), float32
        The other half, then every anomaly.
    labels : ndarray of shape (n,), bool
    """

    name: str
    normal: Recording
    rows: FloatArray
    labels: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Figure:
    """ROC-AUC of one file on one set; `is_close` says whether export would have written it unasked."""

    name: str
    head: str
    scheme: str
    seed: int
    roc_auc: float
    seconds: float
    is_close: bool = True


def splits(folder: Path) -> list[Split]:
    """Return every set of a folder.

    Raises
    ------
    RecordingError
        If there is none.
    """
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise RecordingError(f"{folder} has no .npz file. Expected ADBench's sets, such as 38_thyroid.npz.")
    return [read_split(file) for file in files]


def read_split(file: Path) -> Split:
    """Return a set, cut by the protocol."""
    with np.load(file, allow_pickle=False) as archive:
        rows, labels = archive["X"].astype(np.float32), archive["y"].astype(bool)
    rng = np.random.default_rng(0)
    if len(rows) > MOST_ROWS:
        chosen = rng.permutation(len(rows))[:MOST_ROWS]
        rows, labels = rows[chosen], labels[chosen]
    normal = rng.permutation(np.flatnonzero(~labels))
    train, rest = np.split(normal, [len(normal) // 2])
    names = tuple(f"column_{number}" for number in range(rows.shape[1]))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    test = np.concatenate([rest, np.flatnonzero(labels)])
    return Split(file.stem, Recording(file.stem, names, rows[train], sha256=digest), rows[test], labels[test])


def figures(
    found: Iterable[Split],
    seeds: Iterable[int],
    heads: Iterable[str] = HEADS,
    on_step: Callable[[str], None] = lambda _: None,
) -> list[Figure]:
    """Return the ROC-AUC of every head's files on every set."""
    results = []
    for split in found:
        for seed in seeds:
            for head in heads:
                on_step(f"{split.name}, head {head}, seed {seed}")
                results += _figures(split, head, seed)
    return results


def _figures(split: Split, head: str, seed: int) -> list[Figure]:
    start = time.perf_counter()
    made = detectors(split.normal, RECIPE.with_head(head).with_seed(seed))
    seconds = time.perf_counter() - start
    results = []
    for scheme, detector in made.items():
        auc = roc_auc(split, detector)
        results.append(Figure(split.name, head, scheme, seed, auc, seconds, is_close(detector)))
    return results


def roc_auc(split: Split, detector: Detector) -> float:
    """Return the ROC-AUC of a file's scores of the protocol's test rows."""
    chosen = [split.normal.sensors.index(name) for name in detector.sensor_names]
    return float(roc_auc_score(split.labels, detector.score_many(split.rows[:, None, chosen])))


@dataclass(frozen=True)
class Mean:
    """Mean ROC-AUC of one head's files over all sets and seeds."""

    head: str
    scheme: str
    roc_auc: float


def accuracy(results: list[Figure]) -> Accuracy:
    """Return the table and figures of some sets."""
    heads = dict.fromkeys(result.head for result in results)
    means = tuple(Mean(head, scheme, _mean(results, head, scheme, None)) for head in heads for scheme in SCHEMES)
    note = distance_note(f"{one.name} {one.head} {one.scheme}" for one in results if not one.is_close)
    return Accuracy("ADBench", None, RECIPE, (("", table(results)),), tuple(results), means, note)


def table(results: list[Figure]) -> Rows:
    """Return one row per set and one of means: ROC-AUC of each head's int8 and, in the last row, float32 files."""
    heads = list(dict.fromkeys(result.head for result in results))
    rows: Rows = [("set", *heads)]
    lines: list[tuple[str, str, str | None]] = [
        (name, "int8", name) for name in dict.fromkeys(result.name for result in results)
    ]
    lines += [(f"mean, {scheme}", scheme, None) for scheme in SCHEMES]
    for title, scheme, name in lines:
        cells = (f"{_mean(results, head, scheme, name):.4f}" for head in heads)
        rows += [(title, *cells)]
    return rows


def _mean(results: list[Figure], head: str, scheme: str, name: str | None) -> float:
    return float(
        np.mean([r.roc_auc for r in results if r.head == head and r.scheme == scheme and name in (None, r.name)])
    )
