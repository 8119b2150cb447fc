"""What a stream gives: results, events, and the count of every reading."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.streaming.alarm import TOP_SENSORS, AlarmEvent

TIME_LIMITS = -6e10, 2.5e11
"""Seconds since the epoch that ISO 8601 can write with a year of four digits."""


@dataclass(frozen=True)
class StreamResult:
    """What the stream says of one reading.

    Parameters
    ----------
    time_s : float
        Seconds since the epoch.
    score, threshold : float
    alarm : bool
        After hysteresis, debounce and the rest.
    sensors : dict of str to float
        The top contributing sensors and their contributions, the greatest first.
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
    """Results of successive readings, as arrays.

    Parameters
    ----------
    times : ndarray of shape (n,), float64
        Seconds since the epoch.
    scores, thresholds : ndarray of shape (n,), float32
    alarms : ndarray of shape (n,), bool
    drifts : ndarray of shape (n,), float32
        NaN until known.
    top : ndarray of shape (n, k), int
        The sensors that contribute most, the greatest first.
    contributions : ndarray of shape (n, k), float32
        Theirs.
    sensor_names : tuple of str
        Of all the model's sensors.
    events : tuple of AlarmEvent
    event_rows : tuple of int
        The row each event came with; -1 for one before the first row.
    """

    times: npt.NDArray[np.float64]
    scores: FloatArray
    thresholds: FloatArray
    alarms: BoolArray
    drifts: FloatArray
    top: npt.NDArray[np.intp]
    contributions: FloatArray
    sensor_names: tuple[str, ...]
    events: tuple[AlarmEvent, ...] = ()
    event_rows: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[StreamResult]:
        for row in range(len(self)):
            yield self.row(row)

    def with_events(self) -> Results:
        """Return the results that events came with, and all events."""
        rows = sorted({row for row in self.event_rows if row >= 0})
        n = len(self)
        arrays = {
            field.name: value[rows]
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray) and len(value) == n
        }
        places = tuple(rows.index(row) if row >= 0 else -1 for row in self.event_rows)
        return dataclasses.replace(self, **cast(dict[str, Any], arrays), event_rows=places)

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
                for sensor, value in zip(self.top[row], self.contributions[row], strict=True)
            },
            None if drift != drift else drift,  # noqa: PLR0124 - NaN is what differs from itself
        )


def standing(results: Results, before: StreamResult | None) -> StreamResult | None:
    """Return what holds after some results: the last one, without its alarm where the machine went off after it.

    Parameters
    ----------
    before : StreamResult, optional
        What held before them.
    """
    last = results.row(-1) if len(results) else before
    if last is None or not results.events:
        return last
    return dataclasses.replace(last, alarm=results.events[-1].name == "alarm_started")


def no_results(sensors: tuple[str, ...]) -> Results:
    """Return results of no reading."""
    none, table = np.empty(0, np.float32), np.empty((0, min(TOP_SENSORS, len(sensors))), np.float32)
    return Results(np.empty(0), none, none, np.empty(0, bool), none, table.astype(np.intp), table, sensors)


def time_texts(times: npt.NDArray[np.float64]) -> list[str]:
    """Return times as ISO 8601 in UTC, to the millisecond.

    >>> time_texts(np.array([0.25]))
    ['1970-01-01T00:00:00.250Z']
    """
    stamps = np.rint(np.clip(times, *TIME_LIMITS) * 1e3).astype("datetime64[ms]")
    return [f"{text}Z" for text in np.datetime_as_string(stamps).tolist()]


@dataclass
class Counters:
    """Where every reading went: ``read == scored + filling + skipped + waiting + off``.

    Parameters
    ----------
    read : int
        Readings that came.
    scored : int
        Gave a result.
    filling : int
        Only fill a window that gives none: at the start, after a gap, between strides.
    skipped : int
        Left out for a missing value.
    waiting : int
        Held back until the value to interpolate to comes.
    off : int
        Outside ``--only-when``: the machine does not work.
    held, interpolated : int
        Of the readings above, those with a missing value repeated or interpolated.
    lost : int
        Lines or messages that were no reading.
    gaps, backwards : int
        Where time was missing or went backwards; the window starts anew.
    jumps : int
        Of these, where the readings' clock was set: forward by more than a day, or backwards.
    out_of_range : int
        Readings with a value farther out than the network sees.
    stuck : int
        Sensors that stand still now.
    silent : int
        Sensors that have given no number for long.
    reconnects, reloads, refused_models : int
    above : int
        Scores above the threshold.
    alarms : int
        Alarms that started.
    undelivered : int
        Results that a sink did not take.
    """

    read: int = 0
    scored: int = 0
    filling: int = 0
    skipped: int = 0
    waiting: int = 0
    off: int = 0
    held: int = 0
    interpolated: int = 0
    lost: int = 0
    gaps: int = 0
    backwards: int = 0
    jumps: int = 0
    out_of_range: int = 0
    stuck: int = 0
    silent: int = 0
    reconnects: int = 0
    reloads: int = 0
    refused_models: int = 0
    above: int = 0
    alarms: int = 0
    undelivered: int = 0

    def text(self) -> str:
        """Return one line for people: what is not zero; of alarms, `alarm_rate.alarms_text` says more."""
        found = dataclasses.asdict(self)
        counts = {name.replace("_", " "): count for name, count in found.items() if count and name != "alarms"}
        return ", ".join(f"{count} {name}" for name, count in counts.items()) or "no readings"


@dataclass
class Notices:
    """Messages that are told once and counted after that.

    Parameters
    ----------
    tell : callable
        Prints one line.
    """

    tell: Callable[[str], None]
    counts: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def once(self, kind: str, message: str) -> None:
        """Tell `message` unless one of this kind was told before."""
        with self._lock:  # sinks tell from threads of their own
            count = self.counts[kind] = self.counts.get(kind, 0) + 1
        if count == 1:
            self.tell(message)
