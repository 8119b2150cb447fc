"""Normal readings in bounded memory: all of them, or pieces of consecutive ones spread over the time they came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import FloatArray, IntArray
from edge_runtime.fitting.moments import Floats, deviation_of
from edge_runtime.signal.preprocessing import Preprocessing
from edge_runtime.signal.windows import sliding_windows

MOST_BYTES, MOST_WINDOWS = 2**25, 100_000
_PIECE_WINDOWS = 2048
_FEWEST_PIECES = 16
_STEP_VALUES = 2**20


class Piece(NamedTuple):
    """Consecutive readings.

    Parameters
    ----------
    values : ndarray of shape (n, sensors), float32
    follows : bool
        Whether they follow the last reading of the piece before.
    """

    values: FloatArray
    follows: bool


@dataclass(frozen=True)
class Shape:
    """The windows that readings are cut into.

    Parameters
    ----------
    window, stride, sensors : int
    """

    window: int
    stride: int
    sensors: int

    @classmethod
    def of(cls, preprocessing: Preprocessing) -> Shape:
        """Return the windows of a model."""
        return cls(preprocessing.window, preprocessing.stride, preprocessing.sensors)

    @property
    def most_readings(self) -> int:
        """Number of readings kept at most."""
        by_bytes = MOST_BYTES // (4 * self.sensors)
        return max(4 * self.window, min(by_bytes, MOST_WINDOWS * self.stride + self.window))

    @property
    def piece(self) -> int:
        """Readings in a piece: enough windows for their smoothed scores to settle."""
        wanted = self.window + _PIECE_WINDOWS * self.stride
        return max(2 * self.window, min(wanted, self.most_readings // _FEWEST_PIECES))


class NormalReadings:
    """Collects normal readings of one machine; when full, every second piece is let go, and of later ones as many.

    Parameters
    ----------
    shape : Shape

    Attributes
    ----------
    seen : int
        Readings added, kept or not.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape, self.seen = shape, 0
        self._pieces: list[tuple[int, Piece]] = []
        self._open: list[FloatArray] = []
        self._open_follows = False
        self._number, self._every = 0, 1

    def add(self, values: FloatArray, *, follows: bool) -> None:
        """Add readings of shape (n, sensors) without missing values.

        Parameters
        ----------
        follows : bool
            Whether the first of them follows the last one added, without a gap.
        """
        if not follows:
            self._close(follows=False)
        self.seen += len(values)
        start = 0
        while start < len(values):
            room = self.shape.piece - sum(map(len, self._open))
            self._open.append(np.array(values[start : start + room], np.float32))
            start += room
            if room <= len(self._open[-1]):
                self._close(follows=True)

    def _close(self, *, follows: bool) -> None:
        """End the open piece; `follows` says whether the next one follows it."""
        if self._open:
            if self._number % self._every == 0:
                self._pieces.append((self._number, Piece(np.concatenate(self._open), self._open_follows)))
            self._number += 1
            self._open = []
        self._open_follows = follows
        while sum(len(piece.values) for _, piece in self._pieces) > self.shape.most_readings:
            self._every *= 2
            self._pieces = [one for one in self._pieces if one[0] % self._every == 0]

    def pieces(self) -> list[Piece]:
        """Return what is kept, in time order; one follows the other only where none between them was let go."""
        kept = list(self._pieces)
        if self._open:
            kept.append((self._number, Piece(np.concatenate(self._open), self._open_follows)))
        before = -2
        found = []
        for number, piece in kept:
            found.append(Piece(piece.values, piece.follows and number == before + 1))
            before = number
        return found

    def windows(self) -> NormalWindows:
        """Return the windows of what is kept."""
        return NormalWindows(self.shape, tuple(_stretches(self.pieces())))


@dataclass(frozen=True)
class NormalWindows:
    """Successive windows of stretches of readings, cut when they are asked for; a sequence of arrays by slice.

    Parameters
    ----------
    shape_of : Shape
    stretches : tuple of ndarray of shape (n, sensors), float32
        Without a gap within.
    """

    shape_of: Shape
    stretches: tuple[FloatArray, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of all windows in one array."""
        return len(self), self.shape_of.window, self.shape_of.sensors

    def __len__(self) -> int:
        return sum(map(self._count, self.stretches))

    @property
    def starts(self) -> IntArray:
        """Numbers of the windows that do not follow the one before them, shape (m,)."""
        counts = np.array([self._count(stretch) for stretch in self.stretches], np.int64)
        return (np.cumsum(counts) - counts)[counts > 0]

    def _count(self, stretch: FloatArray) -> int:
        return max(0, (len(stretch) - self.shape_of.window) // self.shape_of.stride + 1)

    def __getitem__(self, chosen: slice) -> FloatArray:
        """Return successive windows, shape (n, window, sensors)."""
        start, stop, _ = chosen.indices(len(self))
        parts, before = [np.empty((0, *self.shape[1:]), np.float32)], 0
        for stretch in self.stretches:
            count = self._count(stretch)
            first, last = max(0, start - before), min(count, stop - before)
            if first < last:
                parts.append(self._cut(stretch, first, last))
            before += count
        return np.concatenate(parts)

    def blocks(self) -> Iterator[FloatArray]:
        """Yield all windows in blocks of a few megabytes."""
        step = max(1, _STEP_VALUES // (self.shape_of.window * self.shape_of.sensors))
        for stretch in self.stretches:
            for first in range(0, self._count(stretch), step):
                yield self._cut(stretch, first, min(self._count(stretch), first + step))

    @cached_property
    def deviation(self) -> Floats:
        """Each sensor's standard deviation, shape (sensors,)."""
        return deviation_of(self.blocks())

    def _cut(self, stretch: FloatArray, first: int, last: int) -> FloatArray:
        window, stride = self.shape_of.window, self.shape_of.stride
        rows = stretch[first * stride : (last - 1) * stride + window]
        return np.ascontiguousarray(sliding_windows(rows, window, stride))


def _stretches(pieces: list[Piece]) -> Iterator[FloatArray]:
    together: list[FloatArray] = []
    for piece in pieces:
        if together and not piece.follows:
            yield np.concatenate(together)
            together = []
        together.append(piece.values)
    if together:
        yield np.concatenate(together)
