"""What a monitor gives: results and events."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import BoolArray, FloatArray, IntArray, Times
from edge_runtime.signal.clock import TIME_LIMITS
from edge_runtime.streaming.alarm_events import AlarmEvent
from edge_runtime.streaming.blame import TOP_SENSORS


@dataclass(frozen=True)
class StreamResult:
    """The result of one reading.

    Parameters
    ----------
    time_s : float
        Seconds since the epoch.
    score, threshold : float
    alarm : bool
        Whether there is an alarm, after hysteresis, debounce and the other rules.
    sensors : dict of str to float
        The sensors that contribute most, and their contributions, greatest first.
    drift : float or None
        See `edge_runtime.streaming.adaptation.drift`; None until it is known.
    """

    time_s: float
    score: float
    threshold: float
    alarm: bool
    sensors: dict[str, float]
    drift: float | None


@dataclass(frozen=True)
class Results:
    """Results of successive windows, as arrays.

    Parameters
    ----------
    numbers : ndarray of shape (n,), int64
        The reading each window ends with, counted from the first that came.
    times : ndarray of shape (n,), float64
        Its time, seconds since the epoch.
    scores, thresholds : ndarray of shape (n,), float32
    alarms : ndarray of shape (n,), bool
    drifts : ndarray of shape (n,), float32
        NaN until known.
    contributions : ndarray of shape (n, sensors), float32
        No sensors where they were not wanted.
    levels, expected : ndarray of shape (n, sensors), float32
        Each sensor's mean over the window and its expected value, see `edge_runtime.streaming.blame`; NaN where not
        computed, no sensors where not wanted.
    values : ndarray of shape (n, sensors), float32
        The readings that the windows end with, missing values repaired.
    sensor_names : tuple of str
        Names of all the model's sensors.
    events : tuple of AlarmEvent
    event_rows : tuple of int
        The row each event came with; -1 for one before the first row.
    learning : bool
        Whether the machine is still being learnt: there is no alarm, whatever the score.
    """

    numbers: IntArray
    times: Times
    scores: FloatArray
    thresholds: FloatArray
    alarms: BoolArray
    drifts: FloatArray
    contributions: FloatArray
    levels: FloatArray
    expected: FloatArray
    values: FloatArray
    sensor_names: tuple[str, ...]
    events: tuple[AlarmEvent, ...] = ()
    event_rows: tuple[int, ...] = ()
    learning: bool = False

    @cached_property
    def top(self) -> npt.NDArray[np.intp]:
        """The sensors that contribute most, the greatest first, shape (n, at most `TOP_SENSORS`)."""
        return np.argsort(-self.contributions, axis=1)[:, :TOP_SENSORS]

    @cached_property
    def top_contributions(self) -> FloatArray:
        """Their contributions, shape (n, at most `TOP_SENSORS`)."""
        return np.take_along_axis(self.contributions, self.top, axis=1)

    @property
    def anomalies(self) -> BoolArray:
        """Which scores are above the threshold, shape (n,)."""
        return np.asarray(self.scores > self.thresholds)

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[StreamResult]:
        for row in range(len(self)):
            yield self.row(row)

    def part(self, rows: npt.NDArray[np.intp] | BoolArray) -> Results:
        """Return some of the rows, without events."""
        return Results(
            self.numbers[rows],
            self.times[rows],
            self.scores[rows],
            self.thresholds[rows],
            self.alarms[rows],
            self.drifts[rows],
            self.contributions[rows],
            self.levels[rows],
            self.expected[rows],
            self.values[rows],
            self.sensor_names,
            learning=self.learning,
        )

    def with_events(self) -> Results:
        """Return only the results that have events, and all events."""
        rows = sorted({row for row in self.event_rows if row >= 0})
        places = tuple(rows.index(row) if row >= 0 else -1 for row in self.event_rows)
        return dataclasses.replace(self.part(np.array(rows, np.intp)), events=self.events, event_rows=places)

    def row(self, row: int) -> StreamResult:
        """Return one of the results; -1 is the last."""
        drift = float(self.drifts[row])
        return StreamResult(
            float(self.times[row]),
            float(self.scores[row]),
            float(self.thresholds[row]),
            bool(self.alarms[row]),
            {
                self.sensor_names[sensor]: float(value)
                for sensor, value in zip(self.top[row], self.top_contributions[row], strict=True)
            },
            None if drift != drift else drift,  # noqa: PLR0124 - NaN is what differs from itself
        )


def standing(results: Results, before: StreamResult | None) -> StreamResult | None:
    """Return the state after some results: the last one, without its alarm if the machine went off after it.

    Parameters
    ----------
    before : StreamResult, optional
        The state before them.
    """
    last = results.row(-1) if len(results) else before
    if last is None or not results.events:
        return last
    return dataclasses.replace(last, alarm=results.events[-1].name == "alarm_started")


def no_results(sensors: tuple[str, ...]) -> Results:
    """Return empty results."""
    none, table = np.empty(0, np.float32), np.empty((0, len(sensors)), np.float32)
    tables = (table, table, table, table)
    return Results(np.empty(0, np.int64), np.empty(0), none, none, np.empty(0, bool), none, *tables, sensors)


def time_text(time_s: float) -> str:
    """Return one time, see `time_texts`."""
    return time_texts(np.array([time_s]))[0]


def time_texts(times: npt.NDArray[np.float64]) -> list[str]:
    """Return times as ISO 8601 in UTC, to the millisecond.

    >>> time_texts(np.array([0.25]))
    ['1970-01-01T00:00:00.250Z']
    """
    stamps = np.rint(np.clip(times, *TIME_LIMITS) * 1e3).astype("datetime64[ms]")
    return [f"{text}Z" for text in np.datetime_as_string(stamps).tolist()]
