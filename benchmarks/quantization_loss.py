"""What quantisation costs: the file that export chooses against the float32 file of the same training.

Every set is learnt and exported by the product's defaults. Protocols are those of ``bench accuracy``: SKAB's recordings
are each learnt from their first 400 rows and NAB's from their probationary period, ADBench's sets from half of their
normal rows, the Tennessee Eastman process from its normal run. Recordings of one set are pooled, their scores in units
of their threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy import adbench, nab, skab, tep
from benchmarks.accuracy.alarm_runs import Flags
from benchmarks.accuracy.nab_score import probation_of
from benchmarks.accuracy.outcome import roc_auc
from benchmarks.accuracy.real_path import DEFAULTS, SCHEMES, detectors, part_of, relative_scores
from benchmarks.bundled import bundled_recording
from benchmarks.whole_loop import NORMAL_ROWS
from edge_runtime.arrays import FloatArray
from training.recordings import Columns, Recording, read_recording
from training.settings import DetectorSettings

CHOSEN, FLOAT32 = SCHEMES


@dataclass(frozen=True)
class LossTask:
    """One recording to learn, and what to score; labels are used only for the figures."""

    normal: Recording
    scored: tuple[Recording, ...]


@dataclass(frozen=True)
class Group:
    """What is pooled into one line."""

    name: str
    tasks: tuple[LossTask, ...]


@dataclass(frozen=True)
class Loss:
    """Both files on one set.

    Parameters
    ----------
    schemes : tuple of str
        That export took, without repetition.
    n_rows : int
    auc_float32, auc : float or None
        ROC-AUC; None where all rows are normal.
    alarm_agreement : float
        Share of rows where both files alarm or neither does.
    """

    name: str
    schemes: tuple[str, ...]
    n_rows: int
    auc_float32: float | None
    auc: float | None
    alarm_agreement: float

    @property
    def loss(self) -> float | None:
        """How much ROC-AUC falls."""
        return None if self.auc is None or self.auc_float32 is None else self.auc_float32 - self.auc


@dataclass(frozen=True)
class LossBenchmark:
    """The losses on all sets."""

    losses: tuple[Loss, ...]

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row per set, after the headings."""
        return [
            ("set", "rows", "scheme", "ROC-AUC float32", "ROC-AUC", "loss", "alarms agree"),
            *map(_row, self.losses),
        ]

    def summary(self) -> str:
        """Return mean and worst loss, and the agreement of alarms over all rows."""
        known = [one.loss for one in self.losses if one.loss is not None]
        rows = sum(one.n_rows for one in self.losses)
        agreement = sum(one.alarm_agreement * one.n_rows for one in self.losses) / rows
        text = f"alarms agree on {agreement:.2%} of {rows:,} rows"
        if not known:
            return text
        return f"mean loss {sum(known) / len(known):.4f}, worst {max(known):.4f} of {len(known)} sets; {text}"


def _row(one: Loss) -> tuple[str, ...]:
    figures = ("" if value is None else f"{value:.4f}" for value in (one.auc_float32, one.auc, one.loss))
    return (one.name, f"{one.n_rows:,}", ", ".join(one.schemes), *figures, f"{one.alarm_agreement:.2%}")


def measure(data: Path | None, epochs: int | None, on_step: Callable[[str], None] = lambda _: None) -> LossBenchmark:
    """Return the loss on each set.

    Parameters
    ----------
    data : Path, optional
        Folder with any of ``skab``, ``adbench``, ``tep`` and ``nab``.
    epochs : int, optional
        Other than the default.
    """
    return LossBenchmark(tuple(loss_on(one, epochs, on_step) for one in groups(data)))


def groups(data: Path | None) -> Iterator[Group]:
    """Yield the bundled recording, and the sets of a folder as they are needed."""
    with bundled_recording() as path:
        whole = read_recording(path, Columns())
    yield Group("host", (_later_rows(whole, NORMAL_ROWS),))
    readers = {"skab": _skab, "adbench": adbench_groups, "tep": _tep, "nab": _nab}
    for name, read in readers.items():
        if data is not None and (data / name).is_dir():
            yield from read(data / name)


def loss_on(one: Group, epochs: int | None, on_step: Callable[[str], None] = lambda _: None) -> Loss:
    """Return the loss on a set."""
    settings = replace(DEFAULTS, epochs=epochs)
    found = []
    for task in one.tasks:
        on_step(f"{one.name}: {task.normal.name}")
        found.append(_scored(task, settings))
    labels = np.concatenate([scored.labels for scored in found])
    full, chosen = (np.concatenate([getattr(scored, name) for scored in found]) for name in ("float32", "chosen"))
    agreement = float(((full > 1.0) == (chosen > 1.0)).mean())
    schemes = tuple(dict.fromkeys(scored.scheme for scored in found))
    return Loss(one.name, schemes, len(labels), roc_auc(labels, full), roc_auc(labels, chosen), agreement)


@dataclass(frozen=True)
class _Scored:
    """Labels, and both files' scores over their threshold, of the rows where a window ends."""

    scheme: str
    labels: Flags
    float32: FloatArray
    chosen: FloatArray


def _scored(task: LossTask, settings: DetectorSettings) -> _Scored:
    files = detectors(task.normal, settings)
    scores = {name: np.concatenate([relative_scores(file, one) for one in task.scored]) for name, file in files.items()}
    labels = np.concatenate([_labels(one) for one in task.scored])
    ends = np.isfinite(scores[FLOAT32])
    scheme = files[CHOSEN].manifest.quantization.scheme
    return _Scored(scheme, labels[ends], scores[FLOAT32][ends], scores[CHOSEN][ends])


def _labels(recording: Recording) -> Flags:
    return np.zeros(len(recording.values), bool) if recording.labels is None else recording.labels


def _later_rows(whole: Recording, normal_rows: int) -> LossTask:
    return LossTask(part_of(whole, normal_rows), (part_of(whole, len(whole.values), normal_rows),))


def _skab(folder: Path) -> Iterator[Group]:
    by_folder: dict[str, list[LossTask]] = {}
    for one in skab.recordings(folder):
        if one.labels is not None:
            by_folder.setdefault(one.name.partition("/")[0], []).append(_later_rows(one, skab.TRAIN_ROWS))
    yield from (Group(f"skab/{name}", tuple(tasks)) for name, tasks in by_folder.items())


def adbench_groups(folder: Path) -> Iterator[Group]:
    """Yield every set of a folder."""
    for split in adbench.splits(folder):
        yield Group(f"adbench/{split.name}", (LossTask(split.normal, (split.test,)),))


def _tep(folder: Path) -> Iterator[Group]:
    found = tep.process(folder)
    faulty = (replace(run, labels=np.arange(len(run.values)) >= tep.FAULT_START) for run in found.faults.values())
    yield Group("tep", (LossTask(found.train, (found.normal, *faulty)),))


def _nab(folder: Path) -> Iterator[Group]:
    for one in nab.recordings(folder):
        yield Group(f"nab/{one.name.partition('/')[2]}", (_later_rows(one, probation_of(len(one.values))),))
