"""A recording through a monitor: scores, anomalies and alarms of its windows, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from edge_runtime.arrays import BoolArray, IntArray, Times
from edge_runtime.common.counted import counted
from edge_runtime.errors import RecordingError, UsageError
from edge_runtime.inference.detector import Detector
from edge_runtime.replay.confusion import Confusion
from edge_runtime.signal.missing import LONGEST_REPAIR
from edge_runtime.streaming.alarm_events import AlarmEvent
from edge_runtime.streaming.alarm_rate import alarms_text
from edge_runtime.streaming.monitor import Monitor
from edge_runtime.streaming.monitor_settings import MonitorSettings
from edge_runtime.streaming.results import Results
from edge_runtime.tables.table import Table, is_anomalous
from edge_runtime.tables.table_readings import ReadingsBlock, check_sensors, has_time, table_readings

# Smoothing forgets: after this many spans, earlier scores weigh less than 0.1 %.
_SETTLED_SPANS = 4


@dataclass(frozen=True)
class ScoreRequest:
    """What to score.

    Parameters
    ----------
    rows : slice
        Readings to give results for; the ones before them fill the window and settle the smoothing.
    label : str, optional
        Label column, for the figures; by default the one the header names.
    texts : tuple of str
        Other text columns to bring along.
    written_times : bool
        Whether to bring along times as they are written.
    monitor : MonitorSettings
        How the recording is watched.
    """

    rows: slice = field(default_factory=lambda: slice(None))
    label: str | None = None
    texts: tuple[str, ...] = ()
    written_times: bool = True
    monitor: MonitorSettings = field(default_factory=lambda: MonitorSettings(explain="never", drift=False))


@dataclass(frozen=True)
class ScoredRows:
    """Results of successive windows, and what the recording says of the row each ends with.

    Parameters
    ----------
    results : Results
        Its times are row numbers where the recording does not say them.
    numbers : ndarray of shape (n,), int64
        Rows, counted from the recording's first reading.
    alarm_numbers : ndarray of shape (n,), int64
        Which alarm each window is part of, counted from 1; 0 for none.
    time_texts : list of str
        Times as they are written; empty where there is no time column, or they were not asked for.
    labels : ndarray of shape (n,), bool, or None
    texts : tuple of list of str
        The text columns asked for.
    """

    results: Results
    numbers: IntArray
    alarm_numbers: IntArray
    time_texts: list[str]
    labels: BoolArray | None
    texts: tuple[list[str], ...]


@dataclass
class ScoreSummary:
    """What came of it."""

    rows: int = 0
    windows: int = 0
    anomalies: int = 0
    alarms: int = 0
    repaired: int = 0
    left_out: int = 0
    breaks: int = 0
    off: int = 0
    watched_s: float = 0.0
    confusion: Confusion | None = None
    spot: str = ""

    def text(self) -> str:
        """Return a one-line summary."""
        line = f"{counted(self.windows, 'window')} scored, {self.anomalies:,} anomalous"
        if self.left_out:
            line += f", {counted(self.left_out, 'row')} with missing values left out"
        if self.repaired:
            line += f", {counted(self.repaired, 'row')} with missing values repaired"
        if self.breaks:
            line += f", {counted(self.breaks, 'jump')} in time that no window spans"
        if self.off:
            line += f", {counted(self.off, 'row')} left out by --only-when"
        line += f"; {alarms_text(self.alarms, self.watched_s)}"
        if self.confusion is not None:
            line += f"; {self.confusion.text()}"
        return f"{line}; {self.spot}" if self.spot else line


class RecordingScores:
    """Scores an open table; `blocks` gives the results, then `summary` what came of them.

    Parameters
    ----------
    detector : Detector
    table : Table
    request : ScoreRequest
    tell : callable
        Called with a message, once per kind of problem with the readings.

    Raises
    ------
    RecordingError
        If the table lacks a sensor of the model.
    UsageError
        If an alarm is to last some time and the table has none.

    Attributes
    ----------
    events : list of AlarmEvent
        Starts and ends of the alarms so far.
    """

    def __init__(
        self, detector: Detector, table: Table, request: ScoreRequest, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._detector, self._table, self._request = detector, table, request
        check_sensors(table, detector.sensor_names)
        self.label = request.label or table.header.label_column
        self.has_time = has_time(table)
        alarm = request.monitor.alarm
        if not self.has_time and (alarm.min_duration_s or alarm.cool_down_s):
            raise UsageError(
                f"--min-duration and --cool-down need a time column, which {table.name} does not have. "
                f"Columns there: {', '.join(table.header.names)}."
            )
        spec = detector.spec
        context = spec.preprocessing.window + _SETTLED_SPANS * spec.scoring.smoothing_span * spec.preprocessing.stride
        self._start = request.rows.start or 0
        self._first = max(0, self._start - context)
        self._monitor = Monitor(detector, request.monitor, tell, live=False, place=self._place)
        self._pending: ReadingsBlock | None = None
        self.events: list[AlarmEvent] = []
        self._summary = ScoreSummary(confusion=Confusion() if self.label else None)

    def _place(self, number: int) -> str:
        return f"{self._table.name}, {self._table.place(self._first + number)}"

    def blocks(self) -> Iterator[ScoredRows]:
        """Yield the results of the windows asked for, in order.

        Raises
        ------
        RecordingError
            If a row cannot be read, a value is missing and must not be, or no window is complete.
        """
        texts = [*([self.label] if self.label else []), *self._request.texts]
        wanted = slice(self._first, self._request.rows.stop)
        sensors, written = self._detector.sensor_names, self._request.written_times
        for block in table_readings(self._table, sensors, texts, rows=wanted, written=written):
            before = max(0, self._start - block.first)
            if 0 < before < len(block.readings):
                yield from self._push(block.part(slice(before)))
                block = block.part(slice(before, None))  # noqa: PLW2901 - the rest of it
            yield from self._push(block)
        self._monitor.end()
        if not self._summary.windows:
            raise self._nothing_to_score()

    def _push(self, block: ReadingsBlock) -> Iterator[ScoredRows]:
        is_wanted, was_active = block.first >= self._start, self._monitor.alarm.active
        watched_s = self._monitor.watched_s
        readings = block.readings
        if not self.has_time:
            readings = replace(readings, times=_numbered(block))
        results = self._monitor.push(readings)
        if block.time_texts or block.texts:
            self._pending = block if self._pending is None else _joined(self._pending, block)
        if is_wanted:
            self._summary.watched_s += self._monitor.watched_s - watched_s
            self.events += results.events
            yield from self._scored(results, was_active=was_active)
        if self._pending is not None:
            self._pending = self._pending.part(slice(max(0, len(self._pending.readings) - LONGEST_REPAIR - 1), None))
        self._monitor.raise_refusal()

    def _scored(self, results: Results, *, was_active: bool) -> Iterator[ScoredRows]:
        numbers = results.numbers + self._first
        if len(numbers) and numbers[0] < self._start:
            chosen = numbers >= self._start
            results, numbers = results.part(chosen), numbers[chosen]
        if not len(numbers):
            return
        time_texts, texts = ([], ()) if self._pending is None else _texts_of(self._pending, numbers)
        labels = np.array([is_anomalous(text) for text in texts[0]], bool) if self.label else None
        # An alarm that continues from before the selected rows is their first.
        started = np.diff(results.alarms, prepend=was_active and self._summary.alarms > 0) & results.alarms
        alarm_numbers = np.where(results.alarms, self._summary.alarms + np.cumsum(started), 0)
        self._summary.alarms += int(started.sum())
        self._count(results, labels)
        yield ScoredRows(results, numbers, alarm_numbers, time_texts, labels, texts[1:] if self.label else texts)

    def _count(self, results: Results, labels: BoolArray | None) -> None:
        summary = self._summary
        summary.windows += len(results)
        summary.anomalies += int(results.anomalies.sum())
        if summary.confusion is not None and labels is not None:
            summary.confusion.add(labels, results.anomalies)

    @property
    def summary(self) -> ScoreSummary:
        """What came of the windows so far."""
        counters = self._monitor.counters
        self._summary.rows = counters.read
        self._summary.left_out, self._summary.repaired = counters.skipped, counters.held + counters.interpolated
        self._summary.breaks, self._summary.off = counters.gaps + counters.backwards, counters.off
        self._summary.watched_s = self._summary.watched_s if self.has_time else 0.0
        self._summary.spot = self._monitor.spot_text
        return self._summary

    def _nothing_to_score(self) -> RecordingError:
        window = self._detector.spec.preprocessing.window
        chosen = "" if self._request.rows == slice(None) else " in the rows asked for"
        counters = self._monitor.counters
        return RecordingError(
            f"{self._table.name} has no complete window to score{chosen}. Expected at least {counted(window, 'row')} "
            f"without a missing value or a gap between them. Received: {counters.text()}."
        )


def _numbered(block: ReadingsBlock) -> Times:
    return np.arange(block.first, block.first + len(block.readings), dtype=np.float64)


def _texts_of(block: ReadingsBlock, numbers: IntArray) -> tuple[list[str], tuple[list[str], ...]]:
    """Return the written times and the other texts of some rows."""
    rows = (numbers - block.first).tolist()
    time_texts, *texts = (
        [column[row] for row in rows] if column else [] for column in (block.time_texts, *block.texts)
    )
    return time_texts, tuple(texts)


def _joined(before: ReadingsBlock, after: ReadingsBlock) -> ReadingsBlock:
    readings = replace(
        after.readings,
        times=np.concatenate([before.readings.times, after.readings.times]),
        values=np.concatenate([before.readings.values, after.readings.values]),
    )
    texts = tuple(first + second for first, second in zip(before.texts, after.texts, strict=True))
    return ReadingsBlock(before.first, readings, before.time_texts + after.time_texts, texts)
