"""Whether a stream is alive: readings arrive, results follow, every sensor has values.

An anomaly is the model's finding; a missing measurement is reported here. Otherwise a silent source would leave the
last score in place for ever, which looks perfectly healthy.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.streaming.delivery_events import DeliveryEvent
from edge_runtime.streaming.learning_events import LearningEvent

SHORTEST_STALE_S = 10.0
FIRST_STALE_S = 60.0
_USUAL_STEPS = 10.0
_FOLLOW = 0.1
_SILENT_FACTOR, _SHORTEST_SILENT_S = 6.0, 60.0


@dataclass(frozen=True)
class StreamStale:
    """No reading, or no result, has arrived for too long.

    Parameters
    ----------
    time_s : float
        Seconds since the epoch.
    silent_s : float
        Duration of the silence.
    missing : str
        ``readings`` or ``results``.
    """

    time_s: float
    silent_s: float
    missing: str

    name = "stream_stale"


@dataclass(frozen=True)
class StreamFresh:
    """Readings and results arrive again, after `silent_s` seconds."""

    time_s: float
    silent_s: float

    name = "stream_fresh"


@dataclass(frozen=True)
class SensorSilent:
    """A sensor has had no finite value for `silent_s` seconds while others had."""

    time_s: float
    sensor: str
    silent_s: float

    name = "sensor_silent"


@dataclass(frozen=True)
class SensorBack:
    """A silent sensor has values again."""

    time_s: float
    sensor: str

    name = "sensor_back"


HealthEvent = StreamStale | StreamFresh | SensorSilent | SensorBack | LearningEvent | DeliveryEvent


@dataclass(frozen=True)
class Health:
    """The current health of a stream.

    Parameters
    ----------
    stale : bool
    stale_after_s : float
        Time without readings after which the stream is stale.
    last_reading_s, last_result_s : float or None
        Times of arrival, seconds since the epoch; None before the first.
    silent : tuple of str
        Sensors without a value for long.
    events : tuple of HealthEvent
        Changes since the last look.
    """

    stale: bool
    stale_after_s: float
    last_reading_s: float | None
    last_result_s: float | None
    silent: tuple[str, ...] = ()
    events: tuple[HealthEvent, ...] = ()


class HealthWatch:
    """Watches arrivals by the computer's monotonic clock.

    Parameters
    ----------
    sensors : tuple of str
    stale_after_s : float, optional
        By default ten times the usual interval between readings, at least 10 s; a minute until that is known.
    window : int
        Number of readings that may arrive before the first result.
    """

    def __init__(self, sensors: tuple[str, ...], stale_after_s: float | None = None, window: int = 1) -> None:
        self._sensors, self._given_s, self._window = sensors, stale_after_s, window
        self._began_s = self._reading_s = self._result_s = time.monotonic()
        self._reading_at_s: float | None = None
        self._result_at_s: float | None = None
        self._usual_s: float | None = None
        self._stale_since_s: float | None = None
        self._silent: tuple[str, ...] = ()

    @property
    def stale(self) -> bool:
        """Whether no readings have arrived for too long, as of the last look."""
        return self._stale_since_s is not None

    @property
    def stale_after_s(self) -> float:
        """Time without readings after which the stream is stale."""
        if self._given_s is not None:
            return self._given_s
        return FIRST_STALE_S if self._usual_s is None else max(SHORTEST_STALE_S, _USUAL_STEPS * self._usual_s)

    def took(self, readings: int, results: int, off: int = 0) -> None:
        """Record arriving readings and produced results.

        Parameters
        ----------
        readings, results : int
        off : int
            Of the readings, those outside ``--only-when``, for which no result is due.
        """
        now_s = time.monotonic()
        if readings:
            if self._reading_at_s is not None:
                pause_s = (now_s - self._reading_s) / readings
                usual_s = pause_s if self._usual_s is None else self._usual_s
                # A silence has little weight; a new rate is followed within a few readings.
                self._usual_s = usual_s + _FOLLOW * (min(pause_s, 2 * usual_s + 1e-3) - usual_s)
            self._reading_s, self._reading_at_s = now_s, time.time()
        if results or off:
            self._result_s = now_s
        if results:
            self._result_at_s = time.time()

    def look(self, missing_since_s: npt.NDArray[np.float64]) -> Health:
        """Return the current health.

        Parameters
        ----------
        missing_since_s : ndarray of shape (sensors,), float64
            Since when each sensor has had no value, by `time.monotonic`; NaN if it has one.
        """
        now_s = time.monotonic()
        events = [*self._stale_events(now_s), *self._silent_events(now_s, missing_since_s)]
        return Health(
            self.stale, self.stale_after_s, self._reading_at_s, self._result_at_s, self._silent, tuple(events)
        )

    def _stale_events(self, now_s: float) -> list[HealthEvent]:
        missing, since_s = self._missing(now_s)
        if missing and not self.stale:
            self._stale_since_s = since_s
            return [StreamStale(time.time(), now_s - since_s, missing)]
        if not missing and self._stale_since_s is not None:
            silent_s, self._stale_since_s = now_s - self._stale_since_s, None
            return [StreamFresh(time.time(), silent_s)]
        return []

    def _missing(self, now_s: float) -> tuple[str, float]:
        after_s = self.stale_after_s
        if now_s - self._reading_s > after_s:
            return "readings", self._reading_s
        # Readings may fill a window first, which takes this many more usual intervals.
        if now_s - self._result_s > after_s + self._window * (self._usual_s or 0.0):
            return "results", self._result_s
        return "", now_s

    def _silent_events(self, now_s: float, missing_since_s: npt.NDArray[np.float64]) -> list[HealthEvent]:
        after_s = max(_SHORTEST_SILENT_S, _SILENT_FACTOR * self.stale_after_s)
        # While nothing arrives at all, no single sensor counts as silent.
        ages = min(now_s, self._reading_s) - missing_since_s
        silent = tuple(self._sensors[sensor] for sensor in np.flatnonzero(ages > after_s).tolist())
        age = dict(zip(self._sensors, ages.tolist(), strict=True))
        events: list[HealthEvent] = [
            SensorSilent(time.time(), name, age[name]) for name in silent if name not in self._silent
        ]
        events += [SensorBack(time.time(), name) for name in self._silent if name not in silent]
        self._silent = silent
        return events
