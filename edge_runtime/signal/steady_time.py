"""Seconds that only go forward, whatever the readings' clock does: what alarms measure durations in."""

from __future__ import annotations

import math

import numpy as np

from edge_runtime.arrays import Times

LONGEST_STEP_S = 86_400.0
"""A larger step forward is a clock that was set, and counts so much."""
CHECK_S = 60.0
"""After so long by the computer's own clock, steady time has gone on by at least half of it."""


class SteadyTime:
    """The readings' own times, taken step by step and each step bounded.

    A step back counts nothing and a step of more than a day counts a day; what follows is measured from where the
    clock then is. So one wrong time costs one step, where a running maximum would wait for the clock to get there
    again. A clock that stands still or creeps does not stop it either: in a live stream the computer's monotonic
    clock moves it on.

    Attributes
    ----------
    now_s : float
        Seconds since it was made.
    last_s : float
        The readings' time it has followed up to; NaN before the first.

    Examples
    --------
    >>> steady = SteadyTime()
    >>> steady.follow(np.array([10.0, 11.0, 4e9, 12.0, 13.0])).tolist()
    [0.0, 1.0, 86401.0, 86401.0, 86402.0]
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.last_s = math.nan
        self._checked_s = 0.0
        self._computer_s = math.nan

    def follow(self, times: Times, computer_s: float | None = None) -> Times:
        """Return the steady time of each reading.

        Parameters
        ----------
        times : ndarray of shape (n,), float64, n at least 1
            The readings' times, seconds since the epoch, finite.
        computer_s : float, optional
            `time.monotonic` as they came in; None where a recording is replayed.

        Returns
        -------
        ndarray of shape (n,), float64
            Never falling.
        """
        if computer_s is not None:
            self._catch_up(computer_s)
        if math.isnan(self.last_s):
            self.last_s = float(times[0])
        if len(times) == 1:
            return self._one(float(times[0]))
        steps = np.diff(times, prepend=self.last_s)
        np.clip(steps, 0.0, LONGEST_STEP_S, out=steps)
        # Summed up from where it stands, so that blocks of any size give the same sums to the last bit.
        steps[0] += self.now_s
        steady: Times = np.cumsum(steps, out=steps)
        self.now_s, self.last_s = float(steady[-1]), float(times[-1])
        return steady

    def _one(self, time_s: float) -> Times:
        self.now_s += min(max(time_s - self.last_s, 0.0), LONGEST_STEP_S)
        self.last_s = time_s
        return np.array([self.now_s])

    def behind_s(self, computer_s: float) -> float:
        """Return how far it is behind the computer's clock, where the readings' went less than half as fast."""
        passed_s, gone_s = computer_s - self._computer_s, self.now_s - self._checked_s
        return passed_s - gone_s if gone_s < passed_s / 2 else 0.0

    def _catch_up(self, computer_s: float) -> None:
        if math.isnan(self._computer_s):
            self._computer_s = computer_s
        if computer_s - self._computer_s < CHECK_S:
            return
        self.now_s += self.behind_s(computer_s)
        self._computer_s, self._checked_s = computer_s, self.now_s
