"""Windows as the model saw them: made again where they are needed, rather than kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.streaming.adaptation.tracking import Moved, Tracker

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class SeenWindows:
    """Successive windows, and how far mean and scale had moved before each.

    Parameters
    ----------
    windows : ndarray of shape (n, window, sensors), float32
        As they were read.
    tracker : Tracker or None
        None if mean and scale are fixed.
    moved : tuple of Moved
        For successive windows, n rows together; none without a tracker.
    """

    windows: FloatArray
    tracker: Tracker | None = None
    moved: tuple[Moved, ...] = ()

    def __len__(self) -> int:
        return len(self.windows)

    def as_trained(self, rows: Rows | slice) -> FloatArray:
        """Return some windows at training's mean and scale, as the model saw them."""
        windows = self.windows[rows]
        return windows if self.tracker is None else self.tracker.each_as_trained(windows, self._moved_before(rows))

    def as_read(self, levels: FloatArray, rows: Rows) -> FloatArray:
        """Return levels of shape (m, sensors) of some windows, at training's mean and scale, as sensors read them."""
        return levels if self.tracker is None else self.tracker.as_read(levels, self._moved_before(rows))

    def _moved_before(self, rows: Rows | slice) -> Moved:
        rows = np.arange(len(self))[rows]
        ends = np.cumsum([len(one.drift) for one in self.moved])
        part_of = np.searchsorted(ends, rows, side="right")
        found = Moved(*(np.empty((len(rows), self.windows.shape[2])) for _ in Moved._fields))
        for number in np.unique(part_of).tolist():
            chosen, part = part_of == number, self.moved[number]
            places = rows[chosen] - (ends[number] - len(part.drift))
            found.drift[chosen], found.variance[chosen] = part.drift[places], part.variance[places]
        return found
