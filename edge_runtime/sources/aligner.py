"""From readings that hold some of the sensors to rows that hold all of them, one per period."""

from __future__ import annotations

import math

import numpy as np

from edge_runtime.arrays import FloatArray, IntArray, Times
from edge_runtime.signal.clock import TIME_LIMITS
from edge_runtime.signal.readings import Readings, no_readings
from edge_runtime.sources.alignment import Alignment

_OLD_PERIODS, _OLD_INTERVALS, _UNKNOWN_S = 10.0, 10.0, 60.0
_LATE_S = 60.0
_FOLLOW = 0.1
_MOST_ROWS = 100_000


class Aligner:
    """Remembers each sensor's newest value.

    Period k reaches from ``k * period_s`` to the next one; its row has the time of its end and is complete with the
    first reading after that. A period without a value that is young enough has no row.

    Parameters
    ----------
    alignment : Alignment
    sensors : int

    Examples
    --------
    >>> aligner = Aligner(Alignment(1.0), 2)
    >>> fast_and_slow = np.array([[1.0, np.nan], [2.0, np.nan], [np.nan, 50.0], [3.0, np.nan], [4.0, np.nan]])
    >>> rows = aligner.push(np.array([0.1, 0.6, 1.2, 1.4, 3.5]), fast_and_slow)
    >>> rows.times.tolist(), rows.values.tolist()
    ([1.0, 2.0, 3.0], [[2.0, nan], [3.0, 50.0], [3.0, 50.0]])
    """

    def __init__(self, alignment: Alignment, sensors: int) -> None:
        self._period_s, self._oldest_s = alignment.period_s, alignment.oldest_s
        self._takes_mean = alignment.way == "mean"
        self._sensors = sensors
        self._period: int | None = None
        self._newest = np.full(sensors, np.nan)
        self._newest_s = np.full(sensors, np.nan)
        self._usual_s = np.full(sensors, np.nan)
        self._sums, self._counts = np.zeros(sensors), np.zeros(sensors, int)

    def push(self, times: Times, values: FloatArray) -> Readings:
        """Take readings; return the rows that they complete.

        Parameters
        ----------
        times : ndarray of shape (n,), float64
            Seconds since the epoch, all finite.
        values : ndarray of shape (n, sensors), float64
            NaN where a reading has no value.
        """
        times = np.clip(times, *TIME_LIMITS)
        periods = np.floor(times / self._period_s).astype(np.int64)
        rows = []
        for part in np.split(np.arange(len(times)), np.flatnonzero(np.diff(periods)) + 1):
            if len(part):
                rows.append(self.advance(times[part[0]]))
                self._take(times[part], values[part])
        return self._joined(rows)

    def advance(self, now_s: float) -> Readings:
        """Return the rows of the periods that are over; a clock that went back by a lot starts again."""
        period = math.floor(now_s / self._period_s)
        if self._period is None:
            self._period = period
        elif period > self._period:
            rows, self._period = self._rows(period), period
            return rows
        elif (self._period - period) * self._period_s > max(_LATE_S, _OLD_PERIODS * self._period_s):
            self._newest_s[:] = self._usual_s[:] = np.nan
            self._period = period
        return no_readings(self._sensors)

    def end(self) -> Readings:
        """Return the row of the period that is not over."""
        return no_readings(self._sensors) if self._period is None else self._rows(self._period + 1)

    def _take(self, times: Times, values: FloatArray) -> None:
        """Take readings of the open period, or late ones."""
        present = np.isfinite(values)
        counts = present.sum(axis=0)
        came = np.flatnonzero(counts)
        last = len(times) - 1 - present[::-1, came].argmax(axis=0)
        # A late value counts as new: what arrives last is what is known best.
        now_s = np.maximum(times[last], (self._period or 0) * self._period_s)
        self._follow(came, now_s, counts[came])
        self._newest[came], self._newest_s[came] = values[last, came], now_s
        self._sums += np.where(present, values, 0.0).sum(axis=0)
        self._counts += counts

    def _follow(self, came: IntArray, now_s: Times, counts: IntArray) -> None:
        """Follow the usual interval between a sensor's values."""
        steps_s = (now_s - self._newest_s[came]) / counts
        known_s = np.where(np.isnan(self._usual_s[came]), steps_s, self._usual_s[came])
        followed_s = known_s + _FOLLOW * (np.minimum(steps_s, 2 * known_s) - known_s)
        measured = np.isfinite(steps_s) & (steps_s > 0)
        self._usual_s[came[measured]] = followed_s[measured]

    def _ages(self) -> Times:
        """Return the maximum age of each sensor's value."""
        if self._oldest_s is not None:
            return np.full(self._sensors, self._oldest_s)
        usual_s = np.where(np.isnan(self._usual_s), _UNKNOWN_S / _OLD_INTERVALS, self._usual_s)
        return np.maximum(_OLD_INTERVALS * usual_s, _OLD_PERIODS * self._period_s)

    def _rows(self, until: int) -> Readings:
        """Return the rows from the open period to the one before `until`, and begin anew."""
        first = self._period or 0
        ends_s = (np.arange(first, min(until, first + _MOST_ROWS)) + 1) * self._period_s
        # Within its own period a value is never too old, however short its age may be.
        young = ends_s[:, None] - self._newest_s <= np.maximum(self._ages(), self._period_s)
        values = np.where(young, self._newest, np.nan)
        if self._takes_mean:
            came = self._counts > 0
            values[0, came] = self._sums[came] / self._counts[came]
        self._sums[:], self._counts[:] = 0.0, 0
        kept = np.isfinite(values).any(axis=1)
        return Readings(ends_s[kept], values[kept])

    def _joined(self, rows: list[Readings]) -> Readings:
        if not rows:
            return no_readings(self._sensors)
        return Readings(np.concatenate([one.times for one in rows]), np.concatenate([one.values for one in rows]))
