"""The readings' time: the usual step between two readings, gaps, and steps backwards."""

from __future__ import annotations

import time

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, Times
from edge_runtime.common.counters import Counters
from edge_runtime.common.notices import Notices
from edge_runtime.signal.steady_time import LONGEST_STEP_S

TIME_LIMITS = -6e10, 2.5e11
"""Seconds since the epoch that ISO 8601 can write with a year of four digits."""
GAP_STEPS = 5
"""Sampling jitters and a reading may be lost; a step of more than five usual ones is a gap."""
_STEPS = 16
_FEWEST_STEPS = 2
_LEAST_GAP_S = 1.0
"""Shorter pauses are not gaps if readings have no time of their own: they arrive as the computer finds time."""


class Clock:
    """Finds gaps and steps backwards in time; blocks of any size give the same breaks.

    The usual step is the median of `_STEPS` steps forward, measured again over the next `_STEPS`: a new rate is
    followed, and a gap has no weight. Before that it is the median of the steps so far. No window may span a gap (a
    step of more than `GAP_STEPS` usual ones) or a step backwards.

    A reading without a time takes the time of the one before it. If no reading has a time, they take the computer's,
    which has no further effect unless the stream is live.

    Parameters
    ----------
    counters : Counters
    notices : Notices
    live : bool
        Whether readings arrive as they are made, so that a pause is meaningful.

    Attributes
    ----------
    last_s : float
        Time of the last reading; NaN before the first.
    repeated, unreadable : int
        Number of readings that repeat the time before, and of readings without a time among others with one.

    Examples
    --------
    >>> clock = Clock(Counters(), Notices(print), live=False)
    >>> np.flatnonzero(clock.push(np.array([0.0, 1, 2, 9, 10, 3, 4, 4]))[1]).tolist()
    the clock went backwards; the window starts again (counted from now on)
    no reading for 7 s; the window starts again (counted from now on)
    [3, 5]
    """

    def __init__(self, counters: Counters, notices: Notices, *, live: bool) -> None:
        self._counters, self._notices, self._live = counters, notices, live
        self.last_s = float("nan")
        self._usual_s = float("nan")
        self._steps: list[float] = []
        """Steps forward since the usual step was last found."""
        self._has_own = False
        self.repeated = self.unreadable = 0

    @property
    def usual_s(self) -> float:
        """The usual step; NaN until it is known."""
        return float(np.median(self._steps)) if np.isnan(self._usual_s) and self._steps else self._usual_s

    def restore(self, last_s: float, usual_s: float) -> None:
        """Resume from the time of a last reading and a usual step; NaN if unknown."""
        self.last_s, self._usual_s, self._steps = last_s, usual_s, []

    def push(self, times: Times) -> tuple[Times, BoolArray]:
        """Return times without NaN, and whether time jumps before each reading.

        Parameters
        ----------
        times : ndarray of shape (n,), float64, n at least 1
            Seconds since the epoch; NaN if a reading has no time.
        """
        times = np.clip(times, *TIME_LIMITS)  # differences of larger numbers overflow
        unknown = np.isnan(times)
        if not unknown.any():
            self._has_own = True
            return times, self._jumps(times)
        if not self._has_own and unknown.all():
            return self._arrivals(len(times))
        newest = np.maximum.accumulate(np.where(unknown, -1, np.arange(len(times))))
        times = np.where(newest >= 0, times[newest], self.last_s)
        self.unreadable += int(unknown.sum())
        if not self._has_own:
            # Before the first reading there is no time to compare with.
            times[: int(unknown.argmin())] = times[int(unknown.argmin())]
            self._has_own = True
        return times, self._jumps(times)

    def _arrivals(self, count: int) -> tuple[Times, BoolArray]:
        """Return the computer's time for readings that have none; if live, a long pause before them counts."""
        now_s, jumps = time.time(), np.zeros(count, bool)
        if self._live:
            pause = np.array([now_s - self.last_s])
            gap = pause > np.maximum(GAP_STEPS * self._usual_before(pause), _LEAST_GAP_S)
            jumps[0] = bool(gap[0] or pause[0] < 0)
            if jumps[0]:
                self._count(pause, gap)
            self.last_s = now_s
        return np.full(count, now_s), jumps

    def _jumps(self, times: Times) -> BoolArray:
        steps = np.diff(times, prepend=self.last_s)
        self.last_s = float(times[-1])
        if self._are_even(steps):
            self._remember(np.concatenate([self._steps, steps]))
            return np.zeros(len(steps), bool)
        gaps = steps > GAP_STEPS * self._usual_before(steps)
        self.repeated += int((steps == 0).sum())
        jumps: BoolArray = gaps | (steps < 0)
        if jumps.any():
            self._count(steps, gaps)
        return jumps

    def _are_even(self, steps: Times) -> bool:
        """Return whether all steps go forward, and none is a gap whichever of them is the usual one."""
        shortest = min([float(steps.min()), *self._steps])
        # Unknown, it is NaN, which is never the smaller of two.
        shortest = min(shortest, self._usual_s)
        return bool(shortest > 0 and steps.max() <= GAP_STEPS * shortest)

    def _remember(self, together: Times) -> None:
        """Find the usual step in the steps forward since it was last found; keep those it is not yet based on."""
        whole = len(together) // _STEPS * _STEPS
        if whole:
            self._usual_s = float(np.median(together[whole - _STEPS : whole]))
        self._steps = together[whole:].tolist()

    def _usual_before(self, steps: Times) -> FloatArray:
        """Return the usual step before each of these steps, infinite if unknown, and update it."""
        forward = steps > 0
        seen = len(self._steps) + np.cumsum(forward) - forward
        together = np.concatenate([np.array(self._steps, np.float64), steps[forward]])
        whole = len(together) // _STEPS * _STEPS
        medians = np.median(together[:whole].reshape(-1, _STEPS), axis=1)
        usual = np.concatenate([[self._usual_s], medians])[seen // _STEPS]
        if np.isnan(self._usual_s):
            first = [np.inf] * _FEWEST_STEPS
            first += [float(np.median(together[:count])) for count in range(_FEWEST_STEPS, min(_STEPS, len(together)))]
            early = seen < len(first)
            usual[early] = np.array(first)[seen[early]]
        self._remember(together)
        return np.where(np.isnan(usual), np.inf, usual)

    def _count(self, steps: Times, gaps: BoolArray) -> None:
        """Count and report jumps; if the clock was set, durations of alarms continue from there."""
        backwards, forward = steps < 0, steps > LONGEST_STEP_S
        self._counters.backwards += int(backwards.sum())
        self._counters.gaps += int(gaps.sum())
        self._counters.jumps += int((forward | backwards).sum())
        if forward.any():
            self._notices.once(
                "jump",
                f"the readings' time jumped forward by {steps[forward].max():.3g} s: was a clock set? Alarms count "
                "it as one day at most (counted from now on)",
            )
        if backwards.any():
            self._notices.once("backwards", "the clock went backwards; the window starts again (counted from now on)")
        if gaps.any():
            self._notices.once(
                "gap", f"no reading for {steps[gaps].max():.3g} s; the window starts again (counted from now on)"
            )
