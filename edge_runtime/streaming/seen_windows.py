"""Windows as the model saw them: made again where they are needed, rather than kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
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

    def as_trained(self, rows: Rows | slice) -> FloatArray:
        """Return some windows at training's mean and scale, as the model saw them."""
        windows = self.windows[rows]
        return (
            windows
            if self.tracker is None
            else self.tracker.each_as_trained(windows, self._moved_before(self.tracker, rows))
        )

    def as_read(self, levels: FloatArray, rows: Rows) -> FloatArray:
        """Return levels of shape (m, sensors) of some windows, at training's mean and scale, as sensors read them."""
        return levels if self.tracker is None else self.tracker.as_read(levels, self._moved_before(self.tracker, rows))

    def _moved_before(self, tracker: Tracker, rows: Rows | slice) -> Moved:
        """Return how far mean and scale had moved before some windows, by going the same way again."""
        rows, first = np.arange(len(self))[rows], 0
        found = Moved(*(np.empty((len(rows), self.windows.shape[2])) for _ in Moved._fields))
        for run in self.runs:
            chosen = (rows >= first) & (rows < first + run.length)
            if chosen.any():
                places = rows[chosen] - first
                readings = self.windows[first : first + int(places.max()), -1]
                way = tracker.ahead(readings, quiet=run.quiet, before=run.before)
                found.drift[chosen], found.variance[chosen] = way.drift[places], way.variance[places]
            first += run.length
        return found
