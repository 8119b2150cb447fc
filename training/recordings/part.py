"""One file of a recording on its way into the store: rows chosen, repaired, and cut where no window may reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.errors import RecordingError
from edge_runtime.signal.clock import Clock
from edge_runtime.signal.missing import repair_missing
from edge_runtime.signal.only_when import Condition, runs
from edge_runtime.tables.table import Block, Table, is_anomalous
from training.recordings.fast_csv import FastCsvUnfitError, fast_blocks
from training.recordings.store import RowStore

# A recording with more steps back than this is not in order of time at all.
_MAX_BACKWARD_SHARE = 0.01
Rows = npt.NDArray[np.intp]


@dataclass
class FilePart:
    """One file.

    Parameters
    ----------
    table : Table
    sensors : tuple of str
    label : str or None
        Column that says whether a row is anomalous.
    store : RowStore
    start : int
        Rows in the store before this file's.
    on_missing : str
        See `edge_runtime.signal.missing`.
    condition : Condition, optional
        Says which rows count.

    Attributes
    ----------
    labels : list of ndarray
    breaks : list of int
        Rows of the store that no window may reach over.
    repaired, off : int
        Rows repaired or skipped for a missing value, rows outside the condition.
    clock : Clock
    """

    table: Table
    sensors: tuple[str, ...]
    label: str | None
    store: RowStore
    start: int
    on_missing: str = "error"
    condition: Condition | None = None
    labels: list[BoolArray] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    repaired: int = 0
    off: int = 0
    clock: Clock = field(default_factory=Clock)
    last: FloatArray | None = None
    is_after_hole: bool = False

    @property
    def period_s(self) -> float:
        """Seconds between two rows, as the file says; NaN where it does not."""
        return self.table.period_s or self.clock.step_s

    def read(self, rows: slice) -> None:
        """Add the file's rows to the store, and what its other columns say to the part.

        Raises
        ------
        RecordingError
            If a cell is no number, no row is left, or time is in disorder.
        """
        texts = [name for name in (self.table.header.time_column, self.label) if name]
        try:
            self._add_blocks(fast_blocks(self.table, self.sensors, texts), rows)
        except FastCsvUnfitError:
            self.store.cut(self.start)
            self.labels, self.breaks, self.repaired, self.clock, self.last = [], [], 0, Clock(), None
            self.off, self.is_after_hole = 0, False
            self._add_blocks(self.table.blocks(self.sensors, texts), rows)
        if self.store.rows == self.start:
            raise self._nothing_read(rows)
        self._check_order()

    def _add_blocks(self, blocks: Iterator[Block], rows: slice) -> None:
        first = 0
        for block in blocks:
            count = len(block.values)
            stop = count if rows.stop is None else min(count, rows.stop - first)
            chosen = np.arange(max(0, (rows.start or 0) - first), stop)
            if len(chosen):
                self._add_working(block, chosen, first)
            first += count
            if rows.stop is not None and first >= rows.stop:
                return

    def _add_working(self, block: Block, chosen: Rows, first: int) -> None:
        """Add the rows in which the machine works, and remember that no window reaches over the others."""
        with np.errstate(over="ignore"):
            # What float32 cannot hold becomes infinite, and so a missing value.
            values = block.values.astype(np.float32)
        if self.condition is None:
            self._add(values, block.texts, chosen, first)
            return
        for part, is_on in runs(self.condition.is_on(values[chosen])):
            if is_on:
                self._add(values, block.texts, chosen[part], first)
                continue
            self.is_after_hole, self.off = True, self.off + len(chosen[part])
            if self.table.header.time_column:
                self.clock.breaks(_chosen(block.texts[0], chosen[part]))

    def _add(self, values: FloatArray, texts: tuple[list[str], ...], rows: Rows, first: int) -> None:
        if self.on_missing == "skip":
            kept = rows[np.isfinite(values[rows]).all(axis=1)]
            self.repaired += len(rows) - len(kept)
            rows = kept
        if not len(rows):
            return

        def place(row: int) -> str:
            return f"{self.table.name}, {self.table.place(first + int(rows[row]))}"

        repaired, count = repair_missing(values[rows], self.on_missing, self.sensors, place=place, last=self.last)
        self._add_texts([_chosen(column, rows) for column in texts])
        self.repaired += count
        self.last = repaired[-1]
        self.store.append(repaired)

    def _add_texts(self, texts: list[list[str]]) -> None:
        breaks = self.clock.breaks(texts[0]).tolist() if self.table.header.time_column else []
        if self.is_after_hole and self.store.rows > self.start and 0 not in breaks:
            breaks = [0, *breaks]
        self.is_after_hole = False
        self.breaks += [self.store.rows + row for row in breaks]
        if self.label:
            self.labels.append(np.array([is_anomalous(text) for text in texts[-1]], bool))

    def _nothing_read(self, rows: slice) -> RecordingError:
        ends = ("" if end is None else str(end) for end in (rows.start, rows.stop))
        where = "" if rows == slice(None) else f" in rows {':'.join(ends)}"
        if self.off and self.condition is not None:
            return RecordingError(
                f"{self.table.name} has no readings{where} with {self.condition.text}. Expected at least one. "
                f"Received: {self.off} outside. Change --only-when."
            )
        return RecordingError(f"{self.table.name} has no readings{where}. Expected at least one data line.")

    def _check_order(self) -> None:
        backward, rows = self.clock.backward, self.clock.rows
        if backward > max(1.0, _MAX_BACKWARD_SHARE * rows):
            raise RecordingError(
                f"{self.table.name} is not in order of time: {self.table.header.time_column} goes back at {backward} "
                f"of {rows} rows. Expected rows from the oldest to the newest. Sort the file by time."
            )


def _chosen(column: list[str], rows: Rows) -> list[str]:
    return column if len(rows) == len(column) else [column[row] for row in rows.tolist()]
