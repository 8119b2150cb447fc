"""How high an alarm has been: while one lasts the mean stands still, and moves again once most of it is over."""

from __future__ import annotations

import math

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.signal.only_when import runs
from edge_runtime.signal.smoothing import REMEMBERED

MOSTLY_OVER = 0.5
"""Share of its height to which an alarm must fall before the mean moves again. At two thirds, faults of a process that
hardly exceed the limit become normal while they last (TEP); at less, a machine that has drifted during its alarm stays
in alarm after the fault is gone (SKAB)."""


class AlarmHeight:
    """Decides which windows are *quiet*: the mean moves after these.

    A window is quiet if its smoothed score is at or under the threshold, or at most half of the alarm's highest one so
    far, of which no more counts than the average remembers: three times the threshold. A score that has fallen so far
    says that the fault is gone. What is left is how far the machine has drifted while its mean stood still, and would
    stay for good. A fault that goes on with more than one and a half times the threshold never becomes normal.

    Until a score was at or under the threshold for the first time, all windows are quiet: the machine may have drifted
    since its recording.

    Attributes
    ----------
    highest : float
        Highest smoothed score since the last at or under the threshold, in multiples of the threshold and at most 3; 0
        without an alarm, infinite until a score was at or under the threshold for the first time.

    Examples
    --------
    >>> height = AlarmHeight()
    >>> height.quiet(np.float32([2.0, 0.5, 2.0, 1.1, 1.0]), np.ones(5, np.float32))
    array([ True,  True, False, False,  True])
    >>> height.quiet(np.float32([2.5, 0.5, 9.0, 1.6, 1.5]), np.ones(5, np.float32))
    array([ True,  True, False, False,  True])
    """

    def __init__(self) -> None:
        self.highest = math.inf

    def take(self, score: float, threshold: float) -> bool:
        """Remember one more window; return whether it is quiet."""
        if score <= threshold:
            self.highest = 0.0
            return True
        level = min(score / threshold, REMEMBERED)
        self.highest = max(self.highest, level)
        return level <= MOSTLY_OVER * self.highest

    def quiet(self, scores: FloatArray, thresholds: FloatArray) -> BoolArray:
        """Return which of successive windows are quiet, shape (n,); nothing is remembered of them.

        Parameters
        ----------
        scores, thresholds : ndarray of shape (n,), float32
            Smoothed.
        """
        quiet: BoolArray = scores <= thresholds
        if quiet.all():
            return quiet
        levels, highest = _levels(scores, thresholds), np.float32(self.highest)
        for run, is_below in list(runs(quiet)):
            if is_below:
                continue
            heights = np.maximum.accumulate(levels[run])
            if run.start == 0:
                heights = np.maximum(heights, highest)
            quiet[run] = levels[run] <= np.float32(MOSTLY_OVER) * heights
        return quiet

    def pass_by(self, scores: FloatArray, thresholds: FloatArray) -> None:
        """Remember successive windows, at least one."""
        if scores[-1] <= thresholds[-1]:
            self.highest = 0.0
            return
        below = np.flatnonzero(scores <= thresholds)
        first = int(below[-1]) + 1 if len(below) else 0
        height = float(_levels(scores[first:], thresholds[first:]).max())
        self.highest = height if first else max(self.highest, height)


def _levels(scores: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Return scores in multiples of their thresholds, at most as high as the average remembers."""
    return np.minimum(scores / thresholds, np.float32(REMEMBERED))
