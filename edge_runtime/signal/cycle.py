"""The usual course of the day or the week: how far each sensor usually is from its own mean at a time of day.

A machine that works from eight to six has two levels, and a limit that allows both at any time misses a day without
work and a peak at night. So the usual course is taken away from every reading before it enters a window, and what is
left has one level. Graph, head, tracking and limit never see it.

Time is UTC. Where the clocks are set forward and back, a course that follows local time is an hour off for half of the
year.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edge_runtime.arrays import FloatArray, Times
from edge_runtime.errors import RecordingError

if TYPE_CHECKING:
    from edge_runtime.model_file.manifest import DetectorSpec

DAY_S, WEEK_S = 86_400.0, 604_800.0
PERIODS = {DAY_S: "day", WEEK_S: "week"}
_MOST_LAGS = 64


class Cycle(NamedTuple):
    """What repeats with one period.

    Parameters
    ----------
    period_s : float
        Seconds: a key of `PERIODS`, counted from 1970-01-01T00:00Z; that was a Thursday.
    offsets : tuple of tuple of float, bins of sensors
        Usual distance from the sensor's mean in the middle of each of the equal bins of the period, in the sensor's
        unit; 0 throughout for a sensor that does not follow it. Between two middles it changes in a straight line, and
        from the last to the first.
    """

    period_s: float
    offsets: tuple[tuple[float, ...], ...]

    @property
    def is_moving(self) -> bool:
        """Whether any sensor follows it."""
        return any(any(row) for row in self.offsets)

    def of(self, sensors: Sequence[int]) -> Cycle:
        """Return the cycle of some of the sensors, by number."""
        return Cycle(self.period_s, tuple(tuple(row[sensor] for sensor in sensors) for row in self.offsets))

    def followed_by(self, names: Sequence[str]) -> list[str]:
        """Return the names of the sensors that follow it."""
        return [name for name, column in zip(names, zip(*self.offsets, strict=True), strict=True) if any(column)]


class Course:
    """The sum of a model's cycles, as a function of time.

    Parameters
    ----------
    cycles : sequence of Cycle
        At least one, each of the same sensors.

    Examples
    --------
    >>> course = Course([Cycle(DAY_S, ((-1.0,), (1.0,)))])  # the middles of the bins are 6 and 18 o'clock
    >>> course.at(np.array([0.0, 6, 12, 15, 18, 24]) * 3600.0)[:, 0].tolist()
    [0.0, -1.0, 0.0, 0.5, 1.0, 0.0]
    """

    def __init__(self, cycles: Sequence[Cycle]) -> None:
        self._tables = [(one.period_s, *_table(np.array(one.offsets, np.float32))) for one in cycles]
        self._offset = np.zeros(len(cycles[0].offsets[0]), np.float32)
        self._part = np.empty_like(self._offset)
        self._left = np.empty_like(self._offset)

    @property
    def reach(self) -> tuple[FloatArray, FloatArray]:
        """Bounds of what it takes away from each sensor, shape (sensors,) each."""
        extremes = [(table.min(axis=0), table.max(axis=0)) for _, table, _ in self._tables]
        low, high = zip(*extremes, strict=True)
        return np.sum(low, axis=0), np.sum(high, axis=0)

    def at(self, times: Times) -> FloatArray:
        """Return the usual distance of every sensor from its mean.

        Parameters
        ----------
        times : ndarray of shape (n,), float64
            Seconds since the epoch, UTC; where there is none, that of the computer.

        Returns
        -------
        ndarray of shape (n, sensors), float32
        """
        if not np.isfinite(times).all():
            times = np.where(np.isfinite(times), times, time.time())
        offsets = np.zeros((len(times), len(self._offset)), np.float32)
        for period_s, table, steps in self._tables:
            offsets += _along(table, steps, period_s, times)
        return offsets

    def left_of(self, reading: FloatArray, time_s: float | None) -> FloatArray:
        """Return what is left of one reading of shape (sensors,): what `at` gives for its time taken away.

        The array is the course's own, and is overwritten by the next call.
        """
        if time_s is None or not math.isfinite(time_s):
            time_s = time.time()
        self._offset[:] = 0.0
        for period_s, table, steps in self._tables:
            place = time_s % period_s * (len(table) / period_s) - 0.5
            low = math.floor(place)
            np.multiply(steps[low], np.float32(place - low), out=self._part)
            self._part += table[low]
            self._offset += self._part
        return np.subtract(reading, self._offset, out=self._left, dtype=np.float32, casting="same_kind")

    def over_windows(self, ends: Times, window: int, step_s: float) -> FloatArray:
        """Return the mean of `at` over windows whose readings are `step_s` apart, shape (n, sensors).

        Parameters
        ----------
        ends : ndarray of shape (n,), float64
            Time of each window's last reading.
        window : int
            Readings; of very many, evenly spread ones.
        step_s : float
        """
        lags = np.unique(np.linspace(0, window - 1, min(window, _MOST_LAGS)).round())
        total = np.zeros((len(ends), len(self._offset)), np.float32)
        for lag in lags.tolist():
            total += self.at(ends - lag * step_s)
        return np.asarray(total / np.float32(len(lags)))


def along(offsets: FloatArray, period_s: float, times: Times) -> FloatArray:
    """Return offsets of shape (bins, sensors) at some times, shape (n, sensors), float32; see `Cycle`."""
    return _along(*_table(np.asarray(offsets, np.float32)), period_s, times)


def without_course(rows: FloatArray, times: Times, course: Course | None) -> FloatArray:
    """Return rows of shape (n, sensors) without the course at their times; the rows themselves if there is none."""
    return rows if course is None else np.asarray(rows - course.at(times), np.float32)


def course_of(spec: DetectorSpec) -> Course | None:
    """Return the course of a model file; None if it has no cycle."""
    return Course(spec.cycles) if spec.cycles else None


def without_times(name: str) -> RecordingError:
    """Return the error of a recording that does not say when its rows were made, for a model that has a cycle."""
    return RecordingError(
        f"{name} has no times, and the model takes the usual course of the day away. Expected a recording with a time "
        "column."
    )


def cycle_lines(spec: DetectorSpec) -> list[str]:
    """Return one line of text for each cycle of a model: its period, its bins, and the sensors that follow it."""
    return [
        f"of the {PERIODS[one.period_s]} (UTC), in {len(one.offsets)} parts, is taken away from: "
        + ", ".join(one.followed_by(spec.sensor_names))
        for one in spec.cycles
    ]


def _along(table: FloatArray, steps: FloatArray, period_s: float, times: Times) -> FloatArray:
    places = np.mod(times, period_s) * (len(table) / period_s) - 0.5
    lows = np.floor(places)
    numbers = lows.astype(np.int64)
    found: FloatArray = steps[numbers]
    found *= (places - lows).astype(np.float32)[:, None]
    found += table[numbers]
    return found


def _table(offsets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return offsets and the step from each to the next one; number -1, before the first middle, is the last."""
    return offsets, np.roll(offsets, -1, axis=0) - offsets
