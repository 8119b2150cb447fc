"""Sensors that fail without a missing value: stuck, or out of range."""

from __future__ import annotations

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.common.counters import Counters
from edge_runtime.common.notices import Notices
from edge_runtime.model_file.manifest import DetectorSpec
from edge_runtime.signal.cycle import course_of

_TOGETHER = 100


class SensorWatch:
    """Counts values out of range, and finds stuck sensors.

    Parameters
    ----------
    spec : DetectorSpec
        Defines the range: up to ``limit`` scales from the centre, wider by what is usual at some time of the day.
    stuck_after : int
        Number of equal values in a row that count as stuck; 0 turns the check off.
    counters : Counters
    notices : Notices
    """

    def __init__(
        self,
        spec: DetectorSpec,
        stuck_after: int,
        counters: Counters,
        notices: Notices,
    ) -> None:
        preprocessing, sensors, course = spec.preprocessing, spec.sensor_names, course_of(spec)
        center, reach = np.array(preprocessing.center), preprocessing.limit * np.array(preprocessing.scale)
        lowest, highest = (0.0, 0.0) if course is None else course.reach
        self._low, self._high = center - reach + lowest, center + reach + highest
        self._sensors, self._stuck_after = sensors, stuck_after
        self._counters, self._notices = counters, notices
        self._last = np.full(len(sensors), np.nan)
        self._still = np.zeros(len(sensors), np.int64)
        self._stuck = np.zeros(len(sensors), bool)

    def look_at(self, values: FloatArray) -> None:
        """Check values of shape (n, sensors), n at least 1, none missing."""
        if self._reach_out(values):
            out = (values < self._low) | (values > self._high)
            self._counters.out_of_range += int(out.any(axis=1).sum())
            for sensor in np.flatnonzero(out.any(axis=0)).tolist():
                name = self._sensors[sensor]
                self._notices.once(
                    f"range {name}", f"sensor {name!r} is out of the range the network sees (counted from now on)"
                )
        if self._stuck_after:
            self._watch_still(values)

    def _reach_out(self, values: FloatArray) -> bool:
        """Return whether any value is out of range."""
        whole, sensors = len(values) // _TOGETHER * _TOGETHER, values.shape[1]
        if whole:
            # A hundred short rows as one long row take numpy a fraction of the time.
            together = values[:whole].reshape(-1, _TOGETHER * sensors)
            extremes = [find(together, axis=0).reshape(-1, sensors) for find in (np.min, np.max)]
            values = np.concatenate([*extremes, values[whole:]])
        return bool((values < self._low).any() or (values > self._high).any())

    def _watch_still(self, values: FloatArray) -> None:
        n = len(values)
        moved = np.concatenate([self._last[None], values[:-1]]) != values
        last_move = np.where(moved.any(axis=0), n - 1 - moved[::-1].argmax(axis=0), -1)
        self._still = np.where(last_move >= 0, n - last_move, self._still + n)
        self._last = values[-1]
        stuck = self._still >= self._stuck_after
        for sensor in np.flatnonzero(stuck & ~self._stuck).tolist():
            name = self._sensors[sensor]
            self._notices.once(
                f"stuck {name}", f"sensor {name!r} has not changed for {self._stuck_after} readings: is it stuck?"
            )
        self._stuck = stuck
        self._counters.stuck = int(stuck.sum())
