"""ADBench, one-class: fit on half of the normal rows, test on the other half and every anomaly, by ROC-AUC.

Rows are independent, so there is no smoothing, no threshold and no time (Han et al., 2022, ADBench: anomaly
detection benchmark).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.accuracy.accuracy_result import Accuracy, Rows, spread
from benchmarks.accuracy.alarm_runs import Flags
from benchmarks.accuracy.learnt_detector import Learnt
from benchmarks.accuracy.methods import METHODS, Method, methods
from edge_runtime.arrays import FloatArray
from edge_runtime.errors import RecordingError
from training.recordings import Recording

MOST_ROWS = 20_000


@dataclass(frozen=True)
class Split:
    """A set, cut by the protocol.

    Parameters
    ----------
    name : str
    normal : Recording
        The half of the normal rows that is learnt.
    rows : ndarray of shape (n, columns), float32
        The other half, then every anomaly.
    labels : ndarray of shape (n,), bool
    """

    name: str
    normal: Recording
    rows: FloatArray
    labels: Flags

    @property
    def test(self) -> Recording:
        """The rows to score."""
        return Recording(self.name, self.normal.sensors, self.rows, self.labels)


@dataclass(frozen=True)
class Figure:
    """ROC-AUC of one method on one set."""

    name: str
    method: str
    seed: int
    roc_auc: float


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


def measure(found: Iterable[Split], seeds: Iterable[int], on_step: Callable[[str], None] = lambda _: None) -> Accuracy:
    """Return the ROC-AUC of every method on every set."""
    results, ready = [], []
    for split in found:
        for seed in seeds:
            on_step(f"{split.name}, seed {seed}")
            learnt = methods(split.normal, seed)
            results += [Figure(split.name, one.name, seed, roc_auc(split, one)) for one in learnt]
            ready += [(split.name, one) for one in learnt]
    return Accuracy("ADBench", None, (("", table(results)),), tuple(results), tuple(summary(results)), Learnt.of(ready))


def roc_auc(split: Split, method: Method) -> float:
    """Return the ROC-AUC of a method's scores of the protocol's test rows."""
    return float(roc_auc_score(split.labels, np.nan_to_num(method.row_scores(split.test))))


@dataclass(frozen=True)
class Mean:
    """Mean ROC-AUC of one method over all sets, one per seed."""

    method: str
    roc_auc: tuple[float, ...]


def summary(results: list[Figure]) -> list[Mean]:
    """Return one row per method."""
    return [Mean(method, _means(results, method)) for method in METHODS]


def table(results: list[Figure]) -> Rows:
    """Return one row per set and one of means: ROC-AUC of each method, mean over the seeds and their spread."""
    rows: Rows = [("set", *METHODS)]
    for name in dict.fromkeys(one.name for one in results):
        mine = [one for one in results if one.name == name]
        rows.append((name, *(spread(_means(mine, method)) for method in METHODS)))
    return [*rows, ("mean", *(spread(one.roc_auc) for one in summary(results)))]


def _means(results: list[Figure], method: str) -> tuple[float, ...]:
    mine = [one for one in results if one.method == method]
    seeds = sorted({one.seed for one in mine})
    return tuple(float(np.mean([one.roc_auc for one in mine if one.seed == seed])) for seed in seeds)
