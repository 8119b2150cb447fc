"""A recording through a detector: scores, anomalies and alarms of its windows, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, IntArray
from edge_runtime.common.counted import counted
from edge_runtime.errors import RecordingError, UsageError
from edge_runtime.inference.batch_scoring import ScoredRows, score_blocks
from edge_runtime.inference.detector import Detector
from edge_runtime.inference.explaining import Explainer
from edge_runtime.replay.confusion import Confusion
from edge_runtime.replay.recording_rows import Hole, RecordingRows, Rows
from edge_runtime.signal.only_when import condition_of
from edge_runtime.streaming.alarm import AlarmEvent, AlarmLogic, AlarmSettings
from edge_runtime.streaming.alarm_rate import WatchedTime, alarms_text
from edge_runtime.streaming.judging import AdaptationSettings, Judge
from edge_runtime.tables.table import Table, is_anomalous

# Smoothing forgets: after so many spans what came before weighs less than 0.1 %.
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
    on_missing : str
        See `edge_runtime.signal.missing`.
    explain_above : float or None
        Add each sensor's contribution to scores above so many thresholds; ``-inf`` is all, None none.
    adaptation : AdaptationSettings
    alarm : AlarmSettings
    only_when : str, optional
        Which rows count, see `edge_runtime.signal.only_when`; None as the model file says, empty for all.
    texts : tuple of str
        Other text columns to bring along, after the time.
    """

    rows: slice = field(default_factory=lambda: slice(None))
    label: str | None = None
    on_missing: str = "error"
    explain_above: float | None = None
    adaptation: AdaptationSettings = field(default_factory=AdaptationSettings)
    alarm: AlarmSettings = field(default_factory=AlarmSettings)
    only_when: str | None = None
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScoredBlock:
    """Results of successive windows, each at the row it ends with.

    Parameters
    ----------
    rows : Rows
        Those rows; `times` are NaN where the recording does not say them.
    scores, thresholds : ndarray of shape (n,), float32
        Smoothed scores, and what each was held against.
    alarm_numbers : ndarray of shape (n,), int64
        Which alarm each window is part of, counted from 1; 0 for none.
    labels : ndarray of shape (n,), bool, or None
    contributions : ndarray of shape (n, sensors), float32, or None
    """

    rows: Rows
    scores: FloatArray
    thresholds: FloatArray
    alarm_numbers: IntArray
    labels: BoolArray | None
    contributions: FloatArray | None

    @property
    def anomalies(self) -> BoolArray:
        """Which scores are above the threshold, shape (n,)."""
        return np.asarray(self.scores > self.thresholds)

    @property
    def alarms(self) -> BoolArray:
        """After which windows there is an alarm, shape (n,)."""
        return self.alarm_numbers > 0


@dataclass
class Summary:
    """What came of it."""

    windows: int = 0
    anomalies: int = 0
    alarms: int = 0
    repaired: int = 0
    breaks: int = 0
    off: int = 0
    watched_s: float = 0.0
    confusion: Confusion | None = None
    streaming_threshold: str = ""

    def text(self) -> str:
        """Return one line for people."""
        line = f"{counted(self.windows, 'window')} scored, {self.anomalies:,} anomalous"
        if self.repaired:
            line += f", {counted(self.repaired, 'row')} with missing values repaired"
        if self.breaks:
            line += f", {counted(self.breaks, 'jump')} in time that no window reaches over"
        if self.off:
            line += f", {counted(self.off, 'row')} left out by --only-when"
        line += f"; {alarms_text(self.alarms, self.watched_s)}"
        if self.confusion is not None:
            line += f"; {self.confusion.text()}"
        if self.streaming_threshold:
            line += f"; {self.streaming_threshold}"
        return line


class RecordingScores:
    """Scores an open table; `blocks` gives the results, then `summary` what came of them.

    Parameters
    ----------
    detector : Detector
    table : Table
    request : ScoreRequest

    Raises
    ------
    RecordingError
        If the table lacks a sensor of the model.
    UsageError
        If an alarm is to last some time and the table knows none.

    Attributes
    ----------
    events : list of AlarmEvent
        Starts and ends of the alarms so far.
    """

    def __init__(self, detector: Detector, table: Table, request: ScoreRequest) -> None:
        self._detector, self._table, self._request = detector, table, request
        _check_sensors(table, detector)
        self.label = request.label or table.header.label_column
        condition = detector.only_when
        if request.only_when is not None:
            condition = condition_of(request.only_when, detector.sensor_names)
        texts = [*request.texts, *([self.label] if self.label else [])]
        self._rows = RecordingRows(table, detector.sensor_names, texts, request.on_missing, condition)
        self.has_time = self._rows.has_time
        if not self.has_time and (request.alarm.min_duration_s or request.alarm.cool_down_s):
            raise UsageError(
                f"--min-duration and --cool-down need a time column, which {table.name} does not have. "
                f"Columns there: {', '.join(table.header.names)}."
            )
        self._judge = Judge.of(detector, request.adaptation)
        self._logic = AlarmLogic(request.alarm, detector.sensor_names)
        self._watched = WatchedTime()
        self.events: list[AlarmEvent] = []
        self._summary = Summary(confusion=Confusion() if self.label else None)

    def blocks(self) -> Iterator[ScoredBlock]:
        """Yield the results of the windows asked for, in order.

        Raises
        ------
        RecordingError
            If a row cannot be read, or no window is complete.
        """
        spec = self._detector.manifest.spec
        context = spec.preprocessing.window + _SETTLED_SPANS * spec.scoring.smoothing_span * spec.preprocessing.stride
        wanted = slice(max(0, (self._request.rows.start or 0) - context), self._request.rows.stop)
        fed: list[Rows] = []

        def values() -> Iterator[FloatArray | None]:
            for piece in self._rows.read(wanted):
                if isinstance(piece, Hole):
                    self._stop(piece)
                    yield None
                else:
                    fed.append(piece)
                    yield piece.values

        above, before = self._request.explain_above, 0
        explain = None if above is None else Explainer(self._detector, above).explain
        for scored in score_blocks(self._judge, values(), explain):
            rows = fed.pop()
            yield self._block(rows, scored, before)
            before += len(rows.values)
        if not self._summary.windows:
            raise _nothing_to_score(self._table.name, self._detector, self._request)

    def _stop(self, hole: Hole) -> None:
        self._watched.pause()
        ended = None if hole.off_s is None else self._logic.interrupt(hole.off_s)
        self.events += [ended] if ended else []

    def _block(self, rows: Rows, scored: ScoredRows, before: int) -> ScoredBlock:
        """Keep the windows asked for, and see what they alarm."""
        ends = scored.rows - before
        wanted = rows.numbers[ends] >= (self._request.rows.start or 0)
        rows = rows.part(ends[wanted])
        contributions = None if scored.contributions is None else scored.contributions[wanted]
        scores, thresholds = scored.scores[wanted], scored.thresholds[wanted]
        before = self._logic.active
        alarms, events = self._logic.update_many(rows.times, scores, thresholds, contributions)
        self.events += events
        started = np.diff(alarms, prepend=before) & alarms
        numbers = np.where(alarms, self._summary.alarms + np.cumsum(started), 0)
        self._summary.alarms += int(started.sum())
        labels = np.array([is_anomalous(text[-1]) for text in rows.texts], bool) if self.label else None
        block = ScoredBlock(rows, scores, thresholds, numbers, labels, contributions)
        self._count(block)
        return block

    def _count(self, block: ScoredBlock) -> None:
        summary = self._summary
        summary.windows += len(block.scores)
        summary.anomalies += int(block.anomalies.sum())
        if self.has_time:
            self._watched.add(block.rows.times)
        if summary.confusion is not None and block.labels is not None:
            summary.confusion.add(block.labels, block.anomalies)

    @property
    def summary(self) -> Summary:
        """What came of the windows so far."""
        counts, spot = self._rows.counts, self._judge.spot
        self._summary.repaired, self._summary.breaks, self._summary.off = counts.repaired, counts.breaks, counts.off
        self._summary.watched_s = self._watched.total_s
        self._summary.streaming_threshold = "" if spot is None else spot.text()
        return self._summary


def _check_sensors(table: Table, detector: Detector) -> None:
    missing = [name for name in detector.sensor_names if name not in table.header.names]
    if missing:
        raise RecordingError(
            f"{table.name} lacks {len(missing)} of the model's {len(detector.sensor_names)} sensors: "
            f"{', '.join(missing)}. Columns there: {', '.join(table.header.names)}. "
            "Columns are found by name, in any order."
        )


def _nothing_to_score(name: str, detector: Detector, request: ScoreRequest) -> RecordingError:
    window = detector.manifest.spec.preprocessing.window
    chosen = "" if request.rows == slice(None) else " in the rows asked for"
    return RecordingError(
        f"{name} has no complete window to score{chosen}. Expected at least {counted(window, 'row')}."
    )
