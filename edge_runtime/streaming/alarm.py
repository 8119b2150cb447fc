"""From scores to alarms: an entry and a lower exit threshold, debounce, minimum duration, cool-down.

==========  ===============================================================================================
quiet       becomes *alarm* when ``needed`` of the last ``out_of`` scores are above the threshold, but not
            before the cool-down after the last alarm is over
alarm       becomes *quiet* when a score is at or below ``exit_ratio * threshold``, but not before the
            minimum duration is over
==========  ===============================================================================================
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import UsageError
from edge_runtime.preprocessing import FloatArray

TOP_SENSORS = 3
Times = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AlarmSettings:
    """When an alarm starts and ends.

    Parameters
    ----------
    exit_ratio : float
        The alarm ends at or below ``exit_ratio * threshold``; 1 is no hysteresis.
    needed, out_of : int
        So many of the last so many scores must be above the threshold.
    min_duration_s : float
        An alarm lasts at least so long.
    cool_down_s : float
        No alarm starts so soon after the last one ended.

    Raises
    ------
    UsageError
        If a value cannot be meant.
    """

    exit_ratio: float = 0.8
    needed: int = 1
    out_of: int = 1
    min_duration_s: float = 0.0
    cool_down_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.exit_ratio <= 1:
            raise UsageError(f"exit ratio: expected above 0, at most 1. Received: {self.exit_ratio}")
        if not 1 <= self.needed <= self.out_of:
            raise UsageError(f"debounce: expected N/M with 1 <= N <= M. Received: {self.needed}/{self.out_of}")
        if not 0 <= self.min_duration_s < math.inf or not 0 <= self.cool_down_s < math.inf:
            raise UsageError(
                "minimum duration and cool-down: expected seconds, zero or more. "
                f"Received: {self.min_duration_s} and {self.cool_down_s}"
            )


@dataclass(frozen=True)
class AlarmStarted:
    """An alarm begins.

    Parameters
    ----------
    time_s : float
        Seconds since the epoch.
    score, threshold : float
    sensors : tuple of str
        The sensors to blame, the worst first.
    """

    time_s: float
    score: float
    threshold: float
    sensors: tuple[str, ...]

    name = "alarm_started"


@dataclass(frozen=True)
class AlarmEnded:
    """An alarm is over.

    Parameters
    ----------
    time_s, started_s : float
        Seconds since the epoch.
    duration_s : float
    peak_score : float
        The highest score while it lasted.
    sensors : tuple of str
        The sensors to blame over the whole alarm, the worst first.
    """

    time_s: float
    started_s: float
    duration_s: float
    peak_score: float
    sensors: tuple[str, ...]

    name = "alarm_ended"


AlarmEvent = AlarmStarted | AlarmEnded


@dataclass(frozen=True)
class AlarmState:
    """All that `AlarmLogic` remembers, ready for a file.

    Parameters
    ----------
    above : tuple of bool
        Whether each of the last scores was above its threshold.
    now_s : float or None
        Time of the last score.
    started_s : float or None
        Start of the present alarm; None while quiet.
    peak_score : float
    blame : tuple of float
        Contributions per sensor, summed over the present alarm.
    quiet_until_s : float or None
        End of the cool-down.
    """

    above: tuple[bool, ...] = ()
    now_s: float | None = None
    started_s: float | None = None
    peak_score: float = 0.0
    blame: tuple[float, ...] = ()
    quiet_until_s: float | None = None


class AlarmLogic:
    """Turns the scores of a stream into alarms.

    Parameters
    ----------
    settings : AlarmSettings
    sensors : sequence of str
        Names, for the events.

    Examples
    --------
    >>> logic = AlarmLogic(AlarmSettings(exit_ratio=0.5, needed=2, out_of=3), ["flow"])
    >>> times, scores = np.arange(6.0), np.array([0.0, 2.0, 2.0, 0.8, 0.4, 0.0], np.float32)
    >>> alarms, events = logic.update_many(times, scores, np.ones(6, np.float32))
    >>> alarms.tolist()
    [False, False, True, True, False, False]
    >>> [event.name for event in events]
    ['alarm_started', 'alarm_ended']
    """

    def __init__(self, settings: AlarmSettings, sensors: Sequence[str]) -> None:
        self.settings, self._sensors = settings, tuple(sensors)
        self._above: deque[bool] = deque(maxlen=settings.out_of)
        self.state = AlarmState()

    @property
    def active(self) -> bool:
        """Whether there is an alarm now."""
        return self._started_s is not None

    @property
    def state(self) -> AlarmState:
        """What is remembered; setting it goes on from there."""
        return AlarmState(
            tuple(self._above),
            _finite(self._now_s),
            self._started_s,
            self._peak_score,
            tuple(self._blame.tolist()),
            _finite(self._quiet_until_s),
        )

    @state.setter
    def state(self, state: AlarmState) -> None:
        self._above.clear()
        self._above.extend(state.above)
        self._now_s = -math.inf if state.now_s is None else state.now_s
        self._started_s = state.started_s
        self._peak_score = state.peak_score
        fits = len(state.blame) == len(self._sensors)
        self._blame = np.array(state.blame if fits else np.zeros(len(self._sensors)), np.float64)
        self._quiet_until_s = -math.inf if state.quiet_until_s is None else state.quiet_until_s

    def update_many(
        self, times: Times, scores: FloatArray, thresholds: FloatArray, contributions: FloatArray | None = None
    ) -> tuple[npt.NDArray[np.bool_], tuple[AlarmEvent, ...]]:
        """Return whether there is an alarm after each score, and the events in order.

        Parameters
        ----------
        times : ndarray of shape (n,), float64
            Seconds since the epoch. Where the clock goes backwards it is taken to stand still.
        scores, thresholds : ndarray of shape (n,), float32
        contributions : ndarray of shape (n, sensors), optional
            For the sensors to blame.
        """
        above = scores > thresholds
        if not self.active and not above.any() and self._stays_quiet():
            self._above.extend(above[-self.settings.out_of :].tolist())
            self._now_s = max(self._now_s, float(times.max(initial=-math.inf)))
            return np.zeros(len(scores), bool), ()
        alarms, events = np.empty(len(scores), bool), []
        for row, (time_s, score, threshold) in enumerate(
            zip(times.tolist(), scores.tolist(), thresholds.tolist(), strict=True)
        ):
            blame = None if contributions is None else contributions[row]
            event = self._step(time_s, score, threshold, blame)
            alarms[row] = self.active
            if event is not None:
                events.append(event)
        return alarms, tuple(events)

    def interrupt(self, time_s: float) -> AlarmEnded | None:
        """End the present alarm, if there is one, as the machine goes off; return its end.

        Parameters
        ----------
        time_s : float
            Time of the first reading that does not count.
        """
        self._above.clear()
        if not self.active:
            return None
        self._now_s = max(self._now_s, time_s)
        return self._end()

    def _stays_quiet(self) -> bool:
        # With scores above the threshold still in the history, an alarm can start as a cool-down ends.
        return sum(self._above) < self.settings.needed

    def _step(self, time_s: float, score: float, threshold: float, blame: FloatArray | None) -> AlarmEvent | None:
        self._now_s = max(self._now_s, time_s)
        self._above.append(score > threshold)
        if self._started_s is None:
            starts = sum(self._above) >= self.settings.needed and self._now_s >= self._quiet_until_s
            return self._start(score, threshold, blame) if starts else None
        self._peak_score = max(self._peak_score, score)
        if blame is not None:
            self._blame += blame
        old_enough = self._now_s - self._started_s >= self.settings.min_duration_s
        return self._end() if old_enough and score <= self.settings.exit_ratio * threshold else None

    def _start(self, score: float, threshold: float, blame: FloatArray | None) -> AlarmStarted:
        self._started_s, self._peak_score = self._now_s, score
        self._blame[:] = 0.0 if blame is None else blame
        return AlarmStarted(self._now_s, score, threshold, self._to_blame())

    def _end(self) -> AlarmEnded:
        started_s = self._now_s if self._started_s is None else self._started_s
        self._started_s = None
        self._quiet_until_s = self._now_s + self.settings.cool_down_s
        self._above.clear()
        return AlarmEnded(self._now_s, started_s, self._now_s - started_s, self._peak_score, self._to_blame())

    def _to_blame(self) -> tuple[str, ...]:
        worst = np.argsort(-self._blame, kind="stable")[:TOP_SENSORS]
        return tuple(self._sensors[sensor] for sensor in worst if self._blame[sensor] > 0)


def event_rows(alarms: npt.NDArray[np.bool_], *, before: bool) -> list[int]:
    """Return the row each event of `AlarmLogic.update_many` came with.

    Parameters
    ----------
    before : bool
        Whether there was an alarm before the first row.

    Examples
    --------
    >>> event_rows(np.array([True, True, False]), before=False)
    [0, 2]
    """
    return [int(row) for row in np.flatnonzero(np.diff(alarms, prepend=before))]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
