"""Sensors and clocks that go wrong without a missing value: stuck, out of range, time that jumps."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from edge_runtime.signal.clock import GAP_STEPS
from edge_runtime.signal.preprocessing import Preprocessing
from edge_runtime.signal.steady_time import LONGEST_STEP_S
from edge_runtime.streaming.results import TIME_LIMITS, Counters, Notices

_FOLLOW = 0.1
_LEAST_GAP_S = 1.0
"""Pauses below are no gap where readings have no time of their own: they come as the computer finds time."""


class StreamClock:
    """Finds where time is missing or goes backwards.

    Parameters
    ----------
    counters : Counters
    notices : Notices
    """

    def __init__(self, counters: Counters, notices: Notices) -> None:
        self._counters, self._notices = counters, notices
        self.last_s = float("nan")
        self.step_s = float("nan")

    def breaks(self, times: npt.NDArray[np.float64], *, own: bool) -> list[int]:
        """Return the rows before which time jumps: no window may reach over them.

        Parameters
        ----------
        times : ndarray of shape (n,), float64
            Seconds since the epoch.
        own : bool
            Whether the readings brought their times.
        """
        steps = np.diff(times, prepend=self.last_s)
        self.last_s = float(times[-1])
        backwards = steps < 0
        gaps = steps > max(GAP_STEPS * self._usual(steps), 0.0 if own else _LEAST_GAP_S)
        if not backwards.any() and not gaps.any():
            return []
        self._counters.backwards += int(backwards.sum())
        self._counters.gaps += int(gaps.sum())
        self._tell_jumps(steps)
        if backwards.any():
            self._notices.once("backwards", "the clock went backwards; the window starts anew (counted from now on)")
        if gaps.any():
            self._notices.once(
                "gap", f"no reading for {steps[gaps].max():.3g} s; the window starts anew (counted from now on)"
            )
        return [int(row) for row in np.flatnonzero(backwards | gaps)]

    def _tell_jumps(self, steps: npt.NDArray[np.float64]) -> None:
        """Count where the clock was set; durations of alarms go on from there."""
        forward = steps > LONGEST_STEP_S
        self._counters.jumps += int(forward.sum() + (steps < 0).sum())
        if forward.any():
            self._notices.once(
                "jump",
                f"the readings' time jumped forward by {steps[forward].max():.3g} s: was a clock set? Alarms take it "
                "for a day at most (counted from now on)",
            )

    def _usual(self, steps: npt.NDArray[np.float64]) -> float:
        """Return the usual step before these, and follow them slowly."""
        forward = steps[steps > 0]
        if not len(forward):
            return float("inf") if np.isnan(self.step_s) else self.step_s
        median = float(np.median(forward))
        if np.isnan(self.step_s):
            self.step_s = median
        usual = self.step_s
        # A gap weighs little, a new rate is followed within some blocks.
        self.step_s += _FOLLOW * (min(median, 2 * usual) - usual)
        return usual


class SensorWatch:
    """Counts values that are out of range, and finds sensors that stand still.

    Parameters
    ----------
    preprocessing : Preprocessing
        What is in range: up to ``limit`` scales from the centre.
    sensors : tuple of str
        Names, for messages.
    stuck_after : int
        Equal values in a row that make a sensor stuck; 0 never does.
    counters : Counters
    notices : Notices
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        sensors: tuple[str, ...],
        stuck_after: int,
        counters: Counters,
        notices: Notices,
    ) -> None:
        center, reach = np.array(preprocessing.center), preprocessing.limit * np.array(preprocessing.scale)
        self._low, self._high = center - reach, center + reach
        self._sensors, self._stuck_after = sensors, stuck_after
        self._counters, self._notices = counters, notices
        self._last = np.full(len(sensors), np.nan)
        self._still = np.zeros(len(sensors), np.int64)
        self._stuck = np.zeros(len(sensors), bool)

    def look_at(self, values: npt.NDArray[np.float64]) -> None:
        """Look at values of shape (n, sensors), n at least 1, none missing."""
        out = (values < self._low) | (values > self._high)
        if out.any():
            self._counters.out_of_range += int(out.any(axis=1).sum())
            for sensor in np.flatnonzero(out.any(axis=0)).tolist():
                name = self._sensors[sensor]
                self._notices.once(
                    f"range {name}", f"sensor {name!r} is out of the range the network sees (counted from now on)"
                )
        if self._stuck_after:
            self._watch_still(values)

    def _watch_still(self, values: npt.NDArray[np.float64]) -> None:
        n = len(values)
        moved = np.concatenate([self._last[None], values[:-1]]) != values
        last_move = np.where(moved.any(axis=0), n - 1 - moved[::-1].argmax(axis=0), -1)
        self._still = np.where(last_move >= 0, n - last_move, self._still + n)
        self._last = values[-1]
        stuck = self._still >= self._stuck_after
        for sensor in np.flatnonzero(stuck & ~self._stuck).tolist():
            name = self._sensors[sensor]
            self._notices.once(
                f"stuck {name}", f"sensor {name!r} has not moved for {self._stuck_after} readings: is it stuck?"
            )
        self._stuck = stuck
        self._counters.stuck = int(stuck.sum())


def filled_times(times: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], bool]:
    """Return times without NaN, and whether the readings brought their own."""
    known = np.isfinite(times)
    # Limited to the years that can be written: differences of larger numbers overflow.
    if known.all():
        return np.clip(times, *TIME_LIMITS), True
    return np.where(known, np.clip(times, *TIME_LIMITS), time.time()), False
