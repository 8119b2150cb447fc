"""Whether a stream is alive: readings come, results follow, every sensor gives numbers.

An anomaly is what the model says; that nobody measures any more is said here. A silent source would otherwise leave the
last score standing for ever, and nothing looks as healthy as that.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SHORTEST_STALE_S = 10.0
FIRST_STALE_S = 60.0
_USUAL_STEPS = 10.0
_FOLLOW = 0.1
_SILENT_FACTOR, _SHORTEST_SILENT_S = 6.0, 60.0


@dataclass(frozen=True)
class StreamStale:
    """No reading, or no result, has come for too long.

    Parameters
    ----------
    time_s : float
        Seconds since the epoch.
    silent_s : float
        How long nothing has come.
    missing : str
        ``readings`` or ``results``.
    """

    time_s: float
    silent_s: float
    missing: str

    name = "stream_stale"


@dataclass(frozen=True)
class StreamFresh:
    """Readings and results come again, after `silent_s` seconds."""

    time_s: float
    silent_s: float

    name = "stream_fresh"


@dataclass(frozen=True)
class SensorSilent:
    """A sensor has given no finite number for `silent_s` seconds while others did."""

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


HealthEvent = StreamStale | StreamFresh | SensorSilent | SensorBack


@dataclass(frozen=True)
class Health:
    """How a stream is now.

    Parameters
    ----------
    stale : bool
    stale_after_s : float
        What counts as too long.
    last_reading_s, last_result_s : float or None
        When they came in, seconds since the epoch; None before the first.
    silent : tuple of str
        Sensors that have given no number for long.
    events : tuple of HealthEvent
        What has changed since the last look.
    """

    stale: bool
    stale_after_s: float
    last_reading_s: float | None
    last_result_s: float | None
    silent: tuple[str, ...] = ()
    events: tuple[HealthEvent, ...] = ()


class HealthWatch:
    """Watches what comes, by the computer's monotonic clock.

    Parameters
    ----------
    sensors : tuple of str
    stale_after_s : float, optional
        By default ten times the usual pause between readings, at least 10 s; a minute until that is known.
    window : int
        Readings that may come before there is a result.
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
        """How long is too long."""
        if self._given_s is not None:
            return self._given_s
        return FIRST_STALE_S if self._usual_s is None else max(SHORTEST_STALE_S, _USUAL_STEPS * self._usual_s)

    def took(self, readings: int, results: int, off: int = 0) -> None:
        """Note that readings came in, and results out.

        Parameters
        ----------
        readings, results : int
        off : int
            Of the readings, those outside ``--only-when``: no result is due for them.
        """
        now_s = time.monotonic()
        if readings:
            if self._reading_at_s is not None:
                pause_s = (now_s - self._reading_s) / readings
                usual_s = pause_s if self._usual_s is None else self._usual_s
                # A silence weighs little, a new rate is followed within some readings.
                self._usual_s = usual_s + _FOLLOW * (min(pause_s, 2 * usual_s + 1e-3) - usual_s)
            self._reading_s, self._reading_at_s = now_s, time.time()
        if results or off:
            self._result_s = now_s
        if results:
            self._result_at_s = time.time()

    def look(self, missing_since_s: npt.NDArray[np.float64]) -> Health:
        """Return how it is now.

        Parameters
        ----------
        missing_since_s : ndarray of shape (sensors,), float64
            Since when each sensor has given no number, by `time.monotonic`; NaN where it does.
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
        # Readings may fill a window first: so many usual pauses more.
        if now_s - self._result_s > after_s + self._window * (self._usual_s or 0.0):
            return "results", self._result_s
        return "", now_s

    def _silent_events(self, now_s: float, missing_since_s: npt.NDArray[np.float64]) -> list[HealthEvent]:
        after_s = max(_SHORTEST_SILENT_S, _SILENT_FACTOR * self.stale_after_s)
        # While nothing comes at all no sensor is silent by itself.
        ages = min(now_s, self._reading_s) - missing_since_s
        silent = tuple(self._sensors[sensor] for sensor in np.flatnonzero(ages > after_s).tolist())
        age = dict(zip(self._sensors, ages.tolist(), strict=True))
        events: list[HealthEvent] = [
            SensorSilent(time.time(), name, age[name]) for name in silent if name not in self._silent
        ]
        events += [SensorBack(time.time(), name) for name in self._silent if name not in silent]
        self._silent = silent
        return events
