"""A recording's rows as they are fed to a detector: those asked for, repaired, cut where no window may reach."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray, IntArray
from edge_runtime.signal.clock import Clock
from edge_runtime.signal.missing import repair_missing
from edge_runtime.signal.only_when import Condition, runs
from edge_runtime.tables.table import Table
from edge_runtime.tables.time_text import seconds


@dataclass(frozen=True)
class Rows:
    """Consecutive rows without a missing value.

    Parameters
    ----------
    values : ndarray of shape (n, sensors), float64
    numbers : ndarray of shape (n,), int64
        Counted from the file's first reading.
    times : ndarray of shape (n,), float64
        Seconds; row numbers where the file says nothing, NaN where a time cannot be read.
    texts : list of list of str
        The text columns' cells, row by row.
    """

    values: FloatArray
    numbers: IntArray
    times: npt.NDArray[np.float64]
    texts: list[list[str]]

    def part(self, chosen: slice | npt.NDArray[Any]) -> Rows:
        """Return some of the rows."""
        rows = np.arange(len(self.numbers))[chosen]
        texts = [self.texts[row] for row in rows.tolist()] if self.texts else []
        return Rows(self.values[rows], self.numbers[rows], self.times[rows], texts)


@dataclass(frozen=True)
class Hole:
    """No window reaches over what is not here.

    Parameters
    ----------
    off_s : float or None
        Time at which the machine went off; None where time is missing or goes back.
    """

    off_s: float | None = None


@dataclass
class RowCounts:
    """What was met on the way: repaired rows, breaks in time, rows in which the machine is off."""

    repaired: int = 0
    breaks: int = 0
    off: int = 0


class RecordingRows:
    """Reads the rows of a table.

    Parameters
    ----------
    table : Table
    sensors : tuple of str
    texts : list of str
        Text columns to bring along.
    on_missing : str
        See `edge_runtime.signal.missing`.
    condition : Condition, optional
        Says which rows count.
    """

    def __init__(
        self, table: Table, sensors: tuple[str, ...], texts: list[str], on_missing: str, condition: Condition | None
    ) -> None:
        self._table, self._sensors, self._texts = table, sensors, texts
        self._on_missing, self._condition = on_missing, condition
        self._time = table.header.time_column
        self._clock = Clock()
        self._last: FloatArray | None = None
        self.counts = RowCounts()

    @property
    def has_time(self) -> bool:
        """Whether the file says when its rows were."""
        return self._time is not None or self._table.period_s is not None

    def read(self, wanted: slice) -> Iterator[Rows | Hole]:
        """Yield the rows wanted, and the holes between them.

        Raises
        ------
        RecordingError
            If a cell is no number, or a value is missing and must not be.
        """
        texts = [*([self._time] if self._time else []), *self._texts]
        first = 0
        for block in self._table.blocks(self._sensors, texts):
            numbers = np.arange(first, first + len(block.values))
            first += len(block.values)
            cells = [list(row) for row in zip(*block.texts, strict=True)]
            rows = Rows(block.values, numbers, self._times(numbers, cells), cells)
            start, stop = wanted.start or 0, first if wanted.stop is None else wanted.stop
            if start > numbers[0] or stop < first:
                rows = rows.part((numbers >= start) & (numbers < stop))
            if len(rows.numbers):
                yield from self._working(rows)
            if wanted.stop is not None and first >= wanted.stop:
                return

    def _times(self, numbers: IntArray, cells: list[list[str]]) -> npt.NDArray[np.float64]:
        if self._time:
            return seconds([row[0] for row in cells])
        return np.asarray(numbers * (self._table.period_s or 1.0), np.float64)

    def _working(self, rows: Rows) -> Iterator[Rows | Hole]:
        if self._condition is None:
            yield from self._whole(rows)
            return
        for chosen, is_on in runs(self._condition.is_on(rows.values)):
            part = rows.part(chosen)
            if is_on:
                yield from self._whole(part)
            else:
                self.counts.off += len(part.numbers)
                self._breaks(part)
                yield Hole(float(part.times[0]))

    def _whole(self, rows: Rows) -> Iterator[Rows | Hole]:
        """Yield the rows repaired, and a hole wherever time jumps."""
        rows = self._repaired(rows)
        if not len(rows.numbers):
            return
        breaks = self._breaks(rows)
        self.counts.breaks += len(breaks)
        for number, (start, stop) in enumerate(itertools.pairwise([0, *breaks, len(rows.numbers)])):
            if number:
                yield Hole()
            if stop > start:
                yield rows.part(slice(start, stop))

    def _breaks(self, rows: Rows) -> list[int]:
        return [int(row) for row in self._clock.breaks_at(rows.times)] if self._time else []

    def _repaired(self, rows: Rows) -> Rows:
        def place(row: int) -> str:
            return f"{self._table.name}, {self._table.place(int(rows.numbers[row]))}"

        values, count = repair_missing(rows.values, self._on_missing, self._sensors, place=place, last=self._last)
        self.counts.repaired += count
        self._last = values[-1] if len(values) else self._last
        if self._on_missing == "skip" and count:
            return rows.part(np.isfinite(rows.values).all(axis=1))
        return Rows(values, rows.numbers, rows.times, rows.texts)
