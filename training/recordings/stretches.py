"""The windows of a recording, without storing them: they are cut from the rows a few at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import FloatArray, IntArray
from edge_runtime.common.counted import counted
from edge_runtime.errors import RecordingError
from training.recordings.recording import Recording
from training.recordings.store import blocks_of, forget

_GATHER_BYTES = 2**24
_RUN_WINDOWS = 2048


@dataclass(frozen=True)
class Stretches:
    """Stretches of rows of a recording; windows lie within one.

    Parameters
    ----------
    values : ndarray of shape (n, sensors), float32
    bounds : ndarray of shape (stretches, 2), int64
        First row of each stretch, and the row after its last.
    window, stride : int
        Readings per window, and from the start of one window to the start of the next.
    """

    values: FloatArray
    bounds: IntArray
    window: int
    stride: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int((self.bounds[:, 1] - self.bounds[:, 0]).sum())

    def __len__(self) -> int:
        """Return the number of windows."""
        return int(self._counts().sum())

    def blocks(self) -> Iterable[FloatArray]:
        """Yield all rows, in blocks that lie within one stretch."""
        for start, stop in self.bounds.tolist():
            yield from blocks_of(self.values, start, stop)

    def take(self, numbers: IntArray) -> FloatArray:
        """Return the windows with these numbers, counted over all stretches, shape (len(numbers), window, sensors)."""
        before = np.concatenate([[0], np.cumsum(self._counts())])
        stretch = np.searchsorted(before, numbers, side="right") - 1
        starts = self.bounds[stretch, 0] + (numbers - before[stretch]) * self.stride
        taken = np.empty((len(numbers), self.window, self.values.shape[1]), np.float32)
        step = max(1, _GATHER_BYTES // (4 * max(1, taken[:1].size)))
        for first in range(0, len(numbers), step):
            rows = starts[first : first + step, None] + np.arange(self.window)
            taken[first : first + step] = self.values[rows]
            forget(self.values)
        return taken

    def sample(self, limit: int, rng: np.random.Generator) -> FloatArray:
        """Return all windows, or `limit` of them in time order: one, drawn at random, from each equal part."""
        total = len(self)
        if total <= limit:
            return self.take(np.arange(total))
        return self.take(((np.arange(limit) + rng.random(limit)) * (total / limit)).astype(np.int64))

    def runs(self, limit: int) -> IntArray:
        """Return the numbers of all windows, or of about `limit`: runs of them, spread over the recording."""
        total = len(self)
        if total <= limit:
            return np.arange(total)
        length = min(_RUN_WINDOWS, limit)
        firsts = np.linspace(0, total - length, limit // length).astype(np.int64)
        numbers: IntArray = np.unique((firsts[:, None] + np.arange(length)).ravel())
        return numbers

    def starts(self, numbers: IntArray) -> IntArray:
        """Return the places in `numbers`, ascending, of windows that do not follow the one before them."""
        first = np.cumsum(self._counts()) - self._counts()
        follows = (np.diff(numbers, prepend=-2) == 1) & ~np.isin(numbers, first)
        found: IntArray = np.flatnonzero(~follows).astype(np.int64)
        return found

    def _counts(self) -> IntArray:
        rows = self.bounds[:, 1] - self.bounds[:, 0]
        return np.where(rows < self.window, 0, (rows - self.window) // self.stride + 1)


def split(recording: Recording, window: int, stride: int, fraction: float) -> tuple[Stretches, Stretches]:
    """Split each file of a recording in time: the first part for training, the last `fraction` for validation.

    With a fraction of 0, both parts are the whole recording.

    No window spans the split, two files, or a gap.

    Raises
    ------
    RecordingError
        If either part has fewer than two windows.
    """
    rows, starts = len(recording.values), np.array(recording.starts, np.int64)
    stops = np.append(starts[1:], rows)
    cuts = stops - np.rint((stops - starts) * fraction).astype(np.int64)
    breaks = np.array(recording.breaks, np.int64)
    edges = np.unique(np.concatenate([starts, stops, cuts, breaks]))
    bounds = np.stack([edges[:-1], edges[1:]], axis=1)
    held_out = bounds[:, 0] >= cuts[np.searchsorted(starts, bounds[:, 0], side="right") - 1]
    chosen = (~held_out, held_out if fraction else ~held_out)
    parts = tuple(Stretches(recording.values, bounds[rows], window, stride) for rows in chosen)
    if min(map(len, parts)) < 2:
        raise _too_few(recording, window, fraction)
    return parts[0], parts[1]


def _too_few(recording: Recording, window: int, fraction: float) -> RecordingError:
    without_gap = (
        "" if not recording.breaks else f", in stretches without a gap (there are {len(recording.breaks)} gaps)"
    )
    return RecordingError(
        f"the recording has {counted(len(recording.values), 'row')}, too few to learn from: a window of {window} needs "
        f"at least {round((window + 1) / min(fraction or 1.0, 1 - fraction)) + 1}{without_gap}. "
        "Record more, or choose a smaller --window."
    )
