"""NAB's scoring rule for alarms: only the first row of a run above the threshold counts.

The published rule counts every row above the threshold as a detection, so an hour above it costs as much as twelve
false alarms. A person on call is called once. Everything else is as in `nab_score`; an alarm that began before a
window does not hit it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.nab_score import (
    NEVER,
    STANDARD,
    CostProfile,
    Floats,
    NabScore,
    ScoredSeries,
    counted_windows,
    no_windows,
    worth_of_alarms,
)


@dataclass(frozen=True)
class AlarmScores:
    """Normalised scores at every distinct threshold, ascending."""

    thresholds: Floats
    scores: Floats

    @property
    def best(self) -> NabScore:
        """The highest score; 0 if no threshold is better than none."""
        if not len(self.scores) or self.scores.max() <= 0.0:
            return NabScore(0.0, NEVER)
        place = int(self.scores.argmax())
        return NabScore(float(self.scores[place]), float(self.thresholds[place]))

    def at(self, threshold: float) -> NabScore:
        """Return the score at a given threshold: rows at or above it alarm."""
        place = int(np.searchsorted(self.thresholds, threshold))
        return NabScore(float(self.scores[place]) if place < len(self.scores) else 0.0, threshold)


def alarm_scores(series: Sequence[ScoredSeries], profile: CostProfile = STANDARD) -> AlarmScores:
    """Return the scores at all thresholds.

    Row r begins a run for the thresholds above the score of row r - 1, up to its own: its worth is added there.

    Raises
    ------
    RecordingError
        If no series has a labelled window after its probationary period.
    """
    rows = [_counted(one) for one in series]
    thresholds = np.unique(np.concatenate([scores[np.isfinite(scores)] for scores in rows]))
    steps = np.zeros(len(thresholds) + 1)
    hits, n_windows = np.zeros(len(thresholds)), 0
    for one, scores in zip(series, rows, strict=True):
        before = np.concatenate([[-np.inf], scores[:-1]])
        low, high = (np.searchsorted(thresholds, edge, side="right") for edge in (before, scores))
        worths = worth_of_alarms(one.labels, profile)[one.probation :]
        outside = (low < high) & ~one.labels[one.probation :]
        np.add.at(steps, low[outside], worths[outside])
        np.subtract.at(steps, high[outside], worths[outside])
        for start, stop in counted_windows(one):
            # Later ones first, so that an earlier one with the same threshold overwrites them.
            gained = np.zeros(len(thresholds))
            for row in range(stop - one.probation - 1, max(start - one.probation, 0) - 1, -1):
                gained[low[row] : high[row]] = worths[row] + profile.miss
            hits += gained
            n_windows += 1
    if not n_windows:
        raise no_windows()
    total = hits + steps[:-1].cumsum()
    return AlarmScores(thresholds, 100.0 * total / (n_windows * (profile.hit + profile.miss)))


def _counted(series: ScoredSeries) -> Floats:
    scores = series.scores[series.probation :].astype(np.float64)
    return np.where(np.isnan(scores), -np.inf, np.minimum(scores, np.finfo(np.float64).max))
