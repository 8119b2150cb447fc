"""Decimation: from results at full rate to a few numbers per second, minute, ten minutes and hour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, IntArray, Times

STEPS = (1, 60, 600, 3600)
"""Lengths of buckets, in seconds; each divides the next."""
_FEWEST_WAITING, _MOST_WAITING = 100, 1000


class Buckets(NamedTuple):
    """Successive stretches of time, each summed up.

    Parameters
    ----------
    starts : ndarray of shape (n,), float64
        Seconds since the epoch, by the readings' times.
    counts, alarms : ndarray of shape (n,), int64
        Results in each, and those of them in alarm.
    lowest, highest : ndarray of shape (n,), float64
        Scores.
    totals, thresholds : ndarray of shape (n,), float64
        Sums of scores and of thresholds.
    sensor_lowest, sensor_highest : ndarray of shape (n, sensors), float32
    sensor_totals : ndarray of shape (n, sensors), float64
    """

    starts: Times
    counts: IntArray
    alarms: IntArray
    lowest: FloatArray
    totals: FloatArray
    highest: FloatArray
    thresholds: FloatArray
    sensor_lowest: FloatArray
    sensor_totals: FloatArray
    sensor_highest: FloatArray

    @property
    def size(self) -> int:
        """The number of buckets."""
        return len(self.starts)

    def rows(self, rows: slice) -> Buckets:
        """Return some of them."""
        columns: Iterator[Any] = (column[rows] for column in self)
        return Buckets(*columns)


_REDUCE = (None, np.add, np.add, np.minimum, np.add, np.maximum, np.add, np.minimum, np.add, np.maximum)


def of_results(
    times: Times, scores: FloatArray, thresholds: FloatArray, alarms: BoolArray, values: FloatArray
) -> Buckets:
    """Return one bucket per result.

    Parameters
    ----------
    times, scores, thresholds, alarms : ndarray of shape (n,)
    values : ndarray of shape (n, sensors), float32
    """
    score = scores.astype(np.float64)
    return Buckets(
        times,
        np.ones(len(times), np.int64),
        alarms.astype(np.int64),
        score,
        score,
        score,
        thresholds.astype(np.float64),
        values,
        values.astype(np.float64),
        values,
    )


def joined(first: Buckets, second: Buckets) -> Buckets:
    """Return the ones after the others."""
    return Buckets(*(np.concatenate(pair) for pair in zip(first, second, strict=True)))


def merged(buckets: Buckets, step: float) -> Buckets:
    """Return neighbours of the same `step` seconds as one.

    >>> ones = np.ones(4)
    >>> pairs = merged(of_results(np.array([0.0, 1, 2, 7]), np.array([1.0, 5, 3, 2]), ones, ones > 1, ones[:, None]), 2)
    >>> pairs.starts.tolist(), pairs.highest.tolist(), pairs.counts.tolist()
    ([0.0, 2.0, 6.0], [5.0, 3.0, 2.0], [2, 1, 1])
    """
    if not buckets.size:
        return buckets
    starts = np.floor(buckets.starts / step) * step
    first = np.flatnonzero(np.diff(starts, prepend=np.nan) != 0)
    parts = [starts[first]]
    parts += [
        reduce.reduceat(column, first, axis=0)
        for reduce, column in zip(_REDUCE, buckets, strict=True)
        if reduce is not None
    ]
    return Buckets(*parts)


def no_buckets(sensors: int) -> Buckets:
    """Return none."""
    none = np.empty(0)
    return of_results(none, none, none, none > 0, np.empty((0, sensors), np.float32))


class Decimator:
    """Sums up results at every length of `STEPS` at once.

    Parameters
    ----------
    sensors, most_bytes : int
        Of sensors' values that wait to be written, the number of bytes.
    """

    def __init__(self, sensors: int, most_bytes: int = 1 << 20) -> None:
        self._most = max(_FEWEST_WAITING, min(_MOST_WAITING, most_bytes // (12 * sensors)))
        self._none = no_buckets(sensors)
        self._closed = dict.fromkeys(STEPS, self._none)
        self._open = dict.fromkeys(STEPS, self._none)

    def add(self, results: Buckets) -> None:
        """Take results, one per bucket, in the order in which they came.

        Of buckets that wait to be written only the newest hundreds stay: a replay faster than life, or a disk
        that is full for hours, keeps its minutes and hours.
        """
        part = results
        for step in STEPS:
            part = merged(part, step)
            both = merged(joined(self._open[step], part), step)
            self._open[step] = both.rows(slice(-1, None))
            closed = joined(self._closed[step], both.rows(slice(0, -1)))
            self._closed[step] = closed.rows(slice(-self._most, None))

    def take(self, step: int) -> tuple[Buckets, Buckets]:
        """Return the buckets closed since the last call, and the one that is still open, if there is one."""
        closed, self._closed[step] = self._closed[step], self._none
        return closed, self._open[step]
