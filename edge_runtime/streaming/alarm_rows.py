"""Successive scores as an alarm looks at them, and where the next one is that may change something."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, Times
from edge_runtime.streaming.blame import Evidence

ROUNDING_S = 1e-6
"""Sums of steps miss a limit by so much at times."""


class Moment(NamedTuple):
    """One moment by both clocks."""

    steady_s: float
    time_s: float


class AlarmRows(NamedTuple):
    """Successive scores, in float64, so that they compare as single ones do.

    Parameters
    ----------
    steady_s, now_s, times : ndarray of shape (n,), float64
        Steady time, the same with `ROUNDING_S` to spare, and the readings' time.
    scores, thresholds : ndarray of shape (n,), float64
    above, low : ndarray of shape (n,), bool
        Above the threshold; low enough to end an alarm.
    evidence : Evidence or None
    """

    steady_s: Times
    now_s: Times
    times: Times
    scores: FloatArray
    thresholds: FloatArray
    above: BoolArray
    low: BoolArray
    evidence: Evidence | None

    @classmethod
    def of(  # noqa: PLR0913 - a column each
        cls,
        steady_s: Times,
        times: Times,
        scores: FloatArray,
        thresholds: FloatArray,
        evidence: Evidence | None,
        exit_ratio: float,
    ) -> AlarmRows:
        """Return the rows of some scores."""
        scores, thresholds = scores.astype(np.float64), thresholds.astype(np.float64)
        above, low = scores > thresholds, scores <= exit_ratio * thresholds
        return cls(steady_s, steady_s + ROUNDING_S, times, scores, thresholds, above, low, evidence)

    def evidence_of(self, row: int) -> Evidence | None:
        """Return what speaks against each sensor in one row."""
        return None if self.evidence is None else Evidence(*(part[row] for part in self.evidence))

    def one(self, row: int) -> tuple[Moment, float, float, Evidence | None]:
        """Return one row: moment, score, threshold and evidence."""
        moment = Moment(float(self.steady_s[row]), float(self.times[row]))
        return moment, float(self.scores[row]), float(self.thresholds[row]), self.evidence_of(row)


def next_row(holds: BoolArray, row: int) -> int:
    """Return the first row from `row` on that holds; the number of rows if none does.

    >>> next_row(np.array([True, False, True]), 1), next_row(np.array([True, False]), 1)
    (2, 2)
    """
    later = holds[row:]
    first = int(later.argmax()) if len(later) else 0
    return row + first if len(later) and later[first] else len(holds)
