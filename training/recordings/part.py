"""One file of a recording on its way into the store: rows chosen, and cut where no window may reach."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edge_runtime.arrays import BoolArray
from edge_runtime.common.counters import Counters
from edge_runtime.common.notices import Notices
from edge_runtime.errors import RecordingError
from edge_runtime.signal.clock import Clock
from edge_runtime.signal.intake import Intake, Off, Stretch
from edge_runtime.signal.missing import LONGEST_REPAIR
from edge_runtime.signal.only_when import Condition
from edge_runtime.tables.table import Table, is_anomalous
from edge_runtime.tables.table_readings import ReadingsBlock, table_readings
from training.recordings.store import RowStore

# A recording with more backward steps than this is not sorted by time.
_MAX_BACKWARD_SHARE = 0.01


@dataclass
class FilePart:
    """One file.

    Parameters
    ----------
    table : Table
    sensors : tuple of str
    label : str or None
        Column that says whether a row is anomalous.
    store, times : RowStore
        Of rows, and of the time of each.
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
        Rows of the store that no window may span.
    counters : Counters
    complaint : str
        What is wrong with the first cell or line that is not as expected; empty where all are.
    """

    table: Table
    sensors: tuple[str, ...]
    label: str | None
    store: RowStore
    times: RowStore
    start: int
    on_missing: str = "skip"
    condition: Condition | None = None
    labels: list[BoolArray] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    complaint: str = ""

    def __post_init__(self) -> None:
        self._first = 0
        silent = Notices(lambda _: None)  # the counts are told, once all rows are read
        self._intake = Intake(self.sensors, self.on_missing, self.condition, self.counters, silent, place=self._place)
        self._labels = np.empty(0, bool)

    def _place(self, number: int) -> str:
        return f"{self.table.name}, {self.table.place(self._first + number)}"

    @property
    def clock(self) -> Clock:
        """What the rows' time says."""
        return self._intake.clock

    @property
    def period_s(self) -> float:
        """Seconds between two rows, as the file says; NaN where it does not."""
        return self.table.period_s or (self.clock.usual_s if self.table.header.time_column else float("nan"))

    def read(self, rows: slice) -> None:
        """Add the file's rows to the store, and its other columns to this part.

        Raises
        ------
        RecordingError
            If a value is missing and must not be, no row is left, or time is in disorder.
        """
        self._first = rows.start or 0
        labels = [self.label] if self.label else []
        for block in table_readings(self.table, self.sensors, labels, rows=rows):
            self.complaint = self.complaint or block.readings.complaint
            self._add(block)
            if self._intake.repair.refusal is not None:
                raise self._intake.repair.refusal
        self._intake.repair.end()
        if self.store.rows == self.start:
            raise self._nothing_read(rows)
        self._check_order()

    def _add(self, block: ReadingsBlock) -> None:
        if self.label:
            # Readings may wait for a value to come: their labels wait with them.
            labels = np.array([is_anomalous(text) for text in block.texts[0]], bool)
            self._labels = np.concatenate([self._labels[-LONGEST_REPAIR - 1 :], labels])
        newest = block.first - self._first + len(block.readings)
        for piece in self._intake.push(block.readings):
            if not isinstance(piece, Off):
                self._store(piece, newest)

    def _store(self, stretch: Stretch, newest: int) -> None:
        if not stretch.follows and self.store.rows > self.start:
            self.breaks.append(self.store.rows)
        if self.label:
            self.labels.append(self._labels[stretch.rows.numbers - newest])
        self.store.append(stretch.rows.values)
        self.times.append(stretch.rows.times[:, None])

    def _nothing_read(self, rows: slice) -> RecordingError:
        ends = ("" if end is None else str(end) for end in (rows.start, rows.stop))
        where = "" if rows == slice(None) else f" in rows {':'.join(ends)}"
        counters = self.counters
        if counters.off and self.condition is not None:
            return RecordingError(
                f"{self.table.name} has no readings{where} with {self.condition.text}. Expected at least one. "
                f"Received: {counters.off} outside. Change --only-when."
            )
        if counters.skipped:
            return RecordingError(
                f"{self.table.name} has no readings{where} without a missing value. Expected at least one. "
                f"Received: {counters.skipped} with. Leave a column out (--exclude), or say --on-missing hold."
            )
        return RecordingError(f"{self.table.name} has no readings{where}. Expected at least one data line.")

    def _check_order(self) -> None:
        backward, rows = self.counters.backwards, self.counters.read
        if backward > max(1.0, _MAX_BACKWARD_SHARE * rows):
            raise RecordingError(
                f"{self.table.name} is not in order of time: {self.table.header.time_column} goes back at {backward} "
                f"of {rows} rows. Expected rows from the oldest to the newest. Sort the file by time."
            )
