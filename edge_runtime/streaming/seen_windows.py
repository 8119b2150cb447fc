"""Windows as the model saw them: made again where they are needed, rather than kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray, IntArray
from edge_runtime.signal.windows import as_slice
from edge_runtime.streaming.adaptation.tracking import Moved, Tracker

Rows = npt.NDArray[np.intp]


class Run(NamedTuple):
    """Windows that were judged at once.

    Parameters
    ----------
    length : int
    before : Moved
        How far mean and scale had moved before the first of them.
    quiet : bool
        What was assumed of all of them; each but the last turned out to be so.
    """

    length: int
    before: Moved
    quiet: bool


@dataclass(frozen=True)
class ChosenWindows:
    """Some windows, as they were read and as the model saw them.

    Parameters
    ----------
    windows : ndarray of shape (m, window, sensors), float32
        As they were read.
    tracker : Tracker or None
        None if mean and scale are fixed.
    moved : Moved or None
        How far they had moved before each; None without a tracker.
    """

    windows: FloatArray
    tracker: Tracker | None = None
    moved: Moved | None = None

    @property
    def as_trained(self) -> FloatArray:
        """The windows at training's mean and scale, as the model saw them."""
        if self.tracker is None or self.moved is None:
            return self.windows
        return self.tracker.each_as_trained(self.windows, self.moved)

    def as_read(self, levels: FloatArray) -> FloatArray:
        """Return levels of shape (m, sensors), at training's mean and scale, as sensors read them."""
        return levels if self.tracker is None or self.moved is None else self.tracker.as_read(levels, self.moved)


@dataclass(frozen=True)
class SeenWindows:
    """Successive windows, and how mean and scale moved from one to the next.

    Parameters
    ----------
    windows : ndarray of shape (n, window, sensors), float32
        As they were read.
    tracker : Tracker or None
        None if mean and scale are fixed.
    runs : tuple of Run
        All windows in turn; none without a tracker.
    """

    windows: FloatArray
    tracker: Tracker | None = None
    runs: tuple[Run, ...] = ()

    def __len__(self) -> int:
        return len(self.windows)

    def chosen(self, rows: Rows | slice) -> ChosenWindows:
        """Return some windows, rising, and how far mean and scale had moved before each."""
        rows = rows if isinstance(rows, slice) else as_slice(rows)
        if self.tracker is None:
            return ChosenWindows(self.windows[rows])
        return ChosenWindows(self.windows[rows], self.tracker, self._moved_before(self.tracker, rows))

    def _moved_before(self, tracker: Tracker, rows: IntArray | slice) -> Moved:
        """Return how far mean and scale had moved before some windows, by going the same way again."""
        rows, first = np.arange(len(self))[rows], 0
        found = Moved(*(np.empty((len(rows), self.windows.shape[2])) for _ in Moved._fields))
        for run in self.runs:
            start, stop = np.searchsorted(rows, [first, first + run.length])
            if start < stop:
                places = rows[start:stop] - first
                readings = self.windows[first : first + int(places[-1]), -1]
                way = tracker.ahead(readings, quiet=run.quiet, before=run.before)
                for part, whole in zip(found, way, strict=True):
                    part[start:stop] = whole[as_slice(places)]
            first += run.length
        return found
