"""From scores to alarms: an entry and a lower exit threshold, debounce, minimum duration, cool-down.

==========  ===============================================================================================
quiet       becomes *alarm* when ``needed`` of the last ``out_of`` scores are above the threshold, but not
            before the cool-down after the last alarm is over
alarm       becomes *quiet* when a score is at or below ``exit_ratio * threshold``, but not before the
            minimum duration is over
==========  ===============================================================================================

Durations are measured in steady time (see `edge_runtime.signal.steady_time`): no reading, however wrong its time,
lengthens a cool-down or a minimum duration by more than one step.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, Times
from edge_runtime.signal.steady_time import SteadyTime
from edge_runtime.streaming.alarm_events import AlarmEnded, AlarmEvent, AlarmStarted
from edge_runtime.streaming.alarm_rows import ROUNDING_S, AlarmRows, Moment, next_row
from edge_runtime.streaming.alarm_settings import AlarmSettings
from edge_runtime.streaming.blame import Blamed, Evidence, SensorFacts

_UNKNOWN: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())


@dataclass(frozen=True)
class AlarmState:
    """Everything that `AlarmLogic` remembers, ready for a file.

    Parameters
    ----------
    above : tuple of bool
        Whether each of the last scores was above its threshold.
    last_s : float or None
        The readings' time of the last score.
    started_s : float or None
        The readings' time at the start of the current alarm; None while quiet.
    lasted_s : float
        Duration of the current alarm so far.
    peak_score : float
    blame : tuple of float
        Contributions per sensor, summed over the current alarm.
    peak_levels, peak_expected : tuple of float
        Each sensor's value at the peak, and its expected value; empty if unknown.
    cool_down_s : float
        Remaining cool-down.
    """

    above: tuple[bool, ...] = ()
    last_s: float | None = None
    started_s: float | None = None
    lasted_s: float = 0.0
    peak_score: float = 0.0
    blame: tuple[float, ...] = ()
    peak_levels: tuple[float, ...] = ()
    peak_expected: tuple[float, ...] = ()
    cool_down_s: float = 0.0


class AlarmLogic:
    """Turns the scores of a stream into alarms.

    Parameters
    ----------
    settings : AlarmSettings
    sensors : SensorFacts
        For the events.

    Attributes
    ----------
    ignored : callable
        Returns the names of sensors that somebody said to ignore. While one of them is the most to blame no alarm
        starts, and the current one ends; scores stay as they are.
    hushed : int
        Scores above the threshold that counted as quiet for it.

    Examples
    --------
    >>> settings = AlarmSettings(exit_ratio=0.5, debounce=(2, 3))
    >>> logic = AlarmLogic(settings, SensorFacts(("flow",), ("l/min",), (0.3,)))
    >>> times, scores = np.arange(6.0), np.array([0.0, 2.0, 2.0, 0.8, 0.4, 0.0], np.float32)
    >>> alarms, events = logic.update_many(times, scores, np.ones(6, np.float32))
    >>> alarms.tolist()
    [False, False, True, True, False, False]
    >>> [event.name for event in events]
    ['alarm_started', 'alarm_ended']
    """

    def __init__(self, settings: AlarmSettings, sensors: SensorFacts) -> None:
        self.settings, self.sensors = settings, sensors
        self._above: deque[bool] = deque(maxlen=settings.out_of)
        self._computer_s = math.nan
        self.ignored: Callable[[], frozenset[str]] = frozenset
        self.hushed = 0
        self.state = AlarmState()

    @property
    def active(self) -> bool:
        """Whether there is an alarm now."""
        return self._started_s is not None

    @property
    def state(self) -> AlarmState:
        """What is remembered; setting it resumes from there."""
        # Time owed by a clock that stands still survives a restart, or many restarts would silence alarms.
        last_s = self._steady.last_s
        now_s = self._steady.now_s + self._steady.behind_s(self._computer_s)
        return AlarmState(
            tuple(self._above),
            None if math.isnan(last_s) else last_s,
            self._started_s,
            now_s - self._began_s if self.active else 0.0,
            self._peak_score,
            tuple(self._blame.tolist()),
            *self._peak_values,
            max(0.0, self._quiet_until_s - now_s),
        )

    @state.setter
    def state(self, state: AlarmState) -> None:
        self._above.clear()
        self._above.extend(state.above)
        self._steady = SteadyTime()
        self._steady.last_s = math.nan if state.last_s is None else state.last_s
        self._started_s = state.started_s
        self._began_s = -max(0.0, state.lasted_s)
        self._peak_score = state.peak_score
        count = len(self.sensors.names)
        self._blame = np.array(state.blame if len(state.blame) == count else np.zeros(count), np.float64)
        peak_values = (state.peak_levels, state.peak_expected)
        self._peak_values = peak_values if {len(one) for one in peak_values} == {count} else _UNKNOWN
        # Never longer than the settings allow, whatever the state says.
        self._quiet_until_s = min(max(0.0, state.cool_down_s), self.settings.cool_down_s)

    def update_many(
        self,
        times: Times,
        scores: FloatArray,
        thresholds: FloatArray,
        evidence: Evidence | None = None,
        computer_s: float | None = None,
    ) -> tuple[BoolArray, tuple[AlarmEvent, ...]]:
        """Return whether there is an alarm after each score, and the events in order.

        Parameters
        ----------
        times : ndarray of shape (n,), float64
            Seconds since the epoch, by the readings' times.
        scores, thresholds : ndarray of shape (n,), float32
        evidence : Evidence, optional
            Used to find the sensors to blame.
        computer_s : float, optional
            `time.monotonic` in a live stream, see `SteadyTime.follow`.
        """
        if not len(times):
            return np.zeros(0, bool), ()
        if computer_s is not None:
            self._computer_s = computer_s
        steady, above = self._steady.follow(times, computer_s), scores > thresholds
        if not self.active and not above.any() and self._stays_quiet():
            self._above.extend(above[-self.settings.out_of :].tolist())
            return np.zeros(len(scores), bool), ()
        rows = AlarmRows.of(steady, times, scores, thresholds, evidence, self.settings.exit_ratio)
        alarms, events, row = np.empty(len(scores), bool), [], 0
        while row < len(scores):
            change = self._next_change(rows, row)
            self._pass_by(rows, slice(row, change))
            alarms[row:change] = self.active
            if change < len(scores):
                event = self._step(*rows.one(change))
                alarms[change] = self.active
                events += [event] if event is not None else []
            row = change + 1
        return alarms, tuple(events)

    def interrupt(self, time_s: float, computer_s: float | None = None) -> AlarmEnded | None:
        """End the current alarm, if there is one, because the machine goes off; return its end event.

        Parameters
        ----------
        time_s : float
            Time of the first reading that does not count.
        computer_s : float, optional
            As for `update_many`.
        """
        self._above.clear()
        if self._started_s is None:
            return None
        if computer_s is not None:
            self._computer_s = computer_s
        now_s = float(self._steady.follow(np.array([time_s]), computer_s)[0])
        return self._end(Moment(now_s, time_s), self._started_s)

    def _stays_quiet(self) -> bool:
        # With scores above the threshold still in the history, an alarm can start as a cool-down ends.
        return sum(self._above) < self.settings.needed

    def _next_change(self, rows: AlarmRows, row: int) -> int:
        """Return the first row from `row` on with which an alarm may start or end; the number of rows if none can."""
        count = len(rows.scores)
        if count == 1 or self.ignored():
            return row
        if self._started_s is not None:
            old_enough = bisect_left(
                range(count), 1, row, key=lambda at: rows.now_s[at] - self._began_s >= self.settings.min_duration_s
            )
            return next_row(rows.low, old_enough)
        over = bisect_left(range(count), 1, row, key=lambda at: rows.now_s[at] >= self._quiet_until_s)
        return over if over > row or not self._stays_quiet() else next_row(rows.above, row)

    def _pass_by(self, rows: AlarmRows, chosen: slice) -> None:
        """Do what `_step` does with rows that neither start nor end an alarm."""
        scores = rows.scores[chosen]
        if not len(scores):
            return
        self._above.extend(rows.above[chosen][-self.settings.out_of :].tolist())
        if self._started_s is None:
            return
        if rows.evidence is not None:
            # Summed up row by row, so that blocks of any size give the same sums to the last bit.
            together = np.concatenate([self._blame[None], rows.evidence.contributions[chosen]])
            self._blame = together.cumsum(axis=0)[-1]
        worst = int(scores.argmax())
        if scores[worst] > self._peak_score:
            self._peak_score = float(scores[worst])
            self._peak_values = _values_of(rows.evidence_of(chosen.start + worst))

    def _step(self, moment: Moment, score: float, threshold: float, evidence: Evidence | None) -> AlarmEvent | None:
        now_s = moment.steady_s + ROUNDING_S
        self._above.append(score > threshold and not self._is_hushed(evidence))
        if self._started_s is None:
            starts = sum(self._above) >= self.settings.needed and now_s >= self._quiet_until_s
            return self._start(moment, score, threshold, evidence) if starts else None
        if evidence is not None:
            self._blame += evidence.contributions
        if score > self._peak_score:
            self._peak_score, self._peak_values = score, _values_of(evidence)
        old_enough = now_s - self._began_s >= self.settings.min_duration_s
        ends = old_enough and score <= self.settings.exit_ratio * threshold
        return self._end(moment, self._started_s) if ends or self._is_ignored(self._blame) else None

    def _is_hushed(self, evidence: Evidence | None) -> bool:
        """Return whether a score above the threshold counts as quiet, and count it."""
        is_hushed = evidence is not None and self._is_ignored(evidence.contributions)
        self.hushed += is_hushed
        return is_hushed

    def _is_ignored(self, blame: FloatArray) -> bool:
        # By the worst alone: sensors that move together share the blame, so a faulty one may have less than half of it.
        names = self.ignored()
        worst = int(blame.argmax()) if names else 0
        return bool(names) and blame[worst] > 0 and self.sensors.names[worst] in names

    def _start(self, moment: Moment, score: float, threshold: float, evidence: Evidence | None) -> AlarmStarted:
        self._started_s, self._began_s = moment.time_s, moment.steady_s
        self._peak_score, self._peak_values = score, _values_of(evidence)
        self._blame[:] = 0.0 if evidence is None else evidence.contributions
        return AlarmStarted(moment.time_s, score, threshold, self._blamed())

    def _end(self, moment: Moment, started_s: float) -> AlarmEnded:
        self._started_s = None
        self._quiet_until_s = moment.steady_s + self.settings.cool_down_s
        self._above.clear()
        lasted_s = moment.steady_s - self._began_s
        return AlarmEnded(moment.time_s, started_s, lasted_s, self._peak_score, self._blamed())

    def _blamed(self) -> tuple[Blamed, ...]:
        return self.sensors.blamed(self._blame.tolist(), *self._peak_values)


def _values_of(evidence: Evidence | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return each sensor's value and its expected value; empty if they were not computed."""
    if evidence is None or not np.isfinite(evidence.levels).all() or not np.isfinite(evidence.expected).all():
        return _UNKNOWN
    return tuple(evidence.levels.tolist()), tuple(evidence.expected.tolist())


def event_rows(alarms: BoolArray, *, before: bool) -> list[int]:
    """Return the row of each event of `AlarmLogic.update_many`.

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
