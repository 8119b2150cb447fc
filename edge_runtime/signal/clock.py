"""What a recording's time says: the usual step between two rows, and where time is missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_runtime.arrays import IntArray, Times
from edge_runtime.tables.time_text import seconds

# Sampling jitters and a reading may be lost; five readings in a row are a gap.
GAP_STEPS = 5.0


class Clock:
    """Finds where time is missing or goes back, block after block.

    The usual step is the median of the first block's steps forward. After a gap (a step of more than
    `GAP_STEPS` usual ones) or a step back, no window may reach over that row.

    Attributes
    ----------
    step_s : float
        The usual step; NaN until it is known, and where time cannot be read.
    rows, gaps, backward, repeated, unreadable : int
        Counts over all blocks.

    Examples
    --------
    >>> clock = Clock()
    >>> clock.breaks(["0", "1", "2", "9", "10", "3", "4", "4"]).tolist()
    [3, 5]
    >>> clock.gaps, clock.backward, clock.repeated
    (1, 1, 1)
    """

    def __init__(self) -> None:
        self.step_s = float("nan")
        self._last = float("nan")
        self.rows = self.gaps = self.backward = self.repeated = self.unreadable = 0

    def breaks(self, texts: Sequence[str]) -> IntArray:
        """Return the rows of a block, counted from its first, before which time jumps."""
        return self.breaks_at(seconds(texts)) if texts else np.empty(0, np.int64)

    def breaks_at(self, times: Times) -> IntArray:
        """Return the same for times in seconds, NaN where one cannot be read, at least one."""
        steps = np.diff(times, prepend=self._last)
        forward = steps[steps > 0]
        if np.isnan(self.step_s) and len(forward):
            self.step_s = float(np.median(forward))
        self._last = float(times[-1])
        gaps, backward = steps > GAP_STEPS * self.step_s, steps < 0
        self.rows += len(times)
        self.gaps += int(gaps.sum())
        self.backward += int(backward.sum())
        self.repeated += int((steps == 0).sum())
        self.unreadable += int(np.isnan(times).sum())
        return np.flatnonzero(gaps | backward)
