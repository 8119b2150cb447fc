"""What fitting took and how good it was, by recording and contender."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.this_machine import Machine

OURS, KERAS_PARTS = "ours", "Keras parts, own loop"
KERAS, KERAS_EPOCHS = "Keras fit", "Keras fit, epochs"
KERAS_JIT, KERAS_EPOCHS_JIT = "Keras fit, jit", "Keras fit, epochs, jit"
CONTENDERS = (OURS, KERAS_PARTS, KERAS_EPOCHS, KERAS, KERAS_EPOCHS_JIT, KERAS_JIT)
"""Of Keras' `fit`, ``epochs`` runs a whole epoch per execution, the others one step."""
EXPORTED = (OURS, KERAS_EPOCHS)
"""Whose models are exported for their ROC-AUC, in the first round."""
Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class FitFigure:
    """One fit.

    Parameters
    ----------
    contender, recording : str
    seed : int
        Also the number of the round.
    is_first : bool
        Whether it is the first fit of its process, which loads and compiles the most.
    windows, epochs : int
    cpu_s : float
        Processor seconds, user and system.
    validation_loss : float
        The lowest.
    roc_auc : float or None
        Of the file that export writes by default; None where nothing was exported, or all rows are normal.
    """

    contender: str
    recording: str
    seed: int
    is_first: bool
    windows: int
    epochs: int
    cpu_s: float
    validation_loss: float
    roc_auc: float | None


@dataclass(frozen=True)
class TrainerComparison:
    """All fits on one machine.

    Parameters
    ----------
    machine : Machine
    load : float or None
        Mean number of running processes over the minute before the first fit.
    fits : tuple of FitFigure
    """

    machine: Machine
    load: float | None
    fits: tuple[FitFigure, ...]

    @property
    def contenders(self) -> list[str]:
        """Those that were measured, in the order of `CONTENDERS`."""
        found = {fit.contender for fit in self.fits}
        return [name for name in CONTENDERS if name in found]

    def cpu_table(self) -> Rows:
        """Return each contender's median processor seconds: a row per recording, and the sums without first fits.

        A cell is empty where a contender was not measured, or not on every recording.
        """
        rows, later = [], []
        for title, mine in _by_recording(self.fits):
            found = [_values(mine, name, "cpu_s") for name in self.contenders]
            medians = [statistics.median(seconds) if seconds else math.nan for seconds in found]
            rows.append((title, f"{mine[0].windows:,}", *map(_seconds, medians)))
            if not mine[0].is_first:
                later.append(medians)
        sums = (sum(column) for column in zip(*later, strict=True))
        return [("recording", "windows", *self.contenders), *rows, ("all, without first", "", *map(_seconds, sums))]

    def quality_table(self) -> Rows:
        """Return each contender's mean validation loss and ROC-AUC over the recordings, of the first seed."""
        header = ("contender", "fits", "epochs", "validation loss", "ROC-AUC")
        chosen = [fit for fit in self.fits if fit.seed == 0 and not fit.is_first]
        return [header, *(_quality(name, chosen) for name in self.contenders)]


def _by_recording(fits: Iterable[FitFigure]) -> Iterator[tuple[str, list[FitFigure]]]:
    found: dict[str, list[FitFigure]] = {}
    for fit in fits:
        found.setdefault(f"{fit.recording}, first in its process" if fit.is_first else fit.recording, []).append(fit)
    yield from found.items()


def _values(fits: Iterable[FitFigure], contender: str, name: str) -> list[float]:
    return [getattr(fit, name) for fit in fits if fit.contender == contender and getattr(fit, name) is not None]


def _seconds(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def _quality(contender: str, fits: list[FitFigure]) -> tuple[str, ...]:
    # Of a recording fitted more than once with one seed the last counts: it weighs no more than the others.
    mine = {fit.recording: fit for fit in fits if fit.contender == contender}
    losses, areas = (_values(mine.values(), contender, name) for name in ("validation_loss", "roc_auc"))
    epochs = statistics.fmean(_values(mine.values(), contender, "epochs"))
    figures = (f"{statistics.fmean(values):.4f}" if values else "" for values in (losses, areas))
    return (contender, f"{len(mine)}", f"{epochs:.0f}", *figures)
