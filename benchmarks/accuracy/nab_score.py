"""NAB's scoring rule: the earlier an alarm comes in a labelled window, the more it earns.

Every series is scored from its first row after the probationary period. With ``y`` the place of a row relative to a
window, -1 at its first row and 0 just after its last, and

    σ(y) = 2 / (1 + exp(5 y)) - 1,        -1 for y > 3

- a window in which there is an alarm earns A_TP · σ(y) / σ(-1) by its first alarm row,
- a window without one costs A_FN,
- an alarm row outside windows costs A_FP · σ(y), with y > 0 its distance from the window before it in widths of that
  window; A_FP where there is no window before it.

The sum S over the whole corpus, by one threshold for all of it, is normalised to 100 · (S - S_null) / (S_perfect -
S_null): a detector that never alarms has 0, one that finds every window in its first row and nothing else has 100.

References
----------
Lavin and Ahmad (2015), Evaluating real-time anomaly detection algorithms: the Numenta anomaly benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.accuracy.alarm_runs import Flags
from edge_runtime.arrays import FloatArray, IntArray
from edge_runtime.errors import RecordingError

Floats = npt.NDArray[np.float64]
_FARTHEST = 3.0
NEVER = float("inf")


@dataclass(frozen=True)
class CostProfile:
    """The weights of a hit, a false alarm and a miss; by default NAB's standard profile."""

    hit: float = 1.0
    false_alarm: float = 0.11
    miss: float = 1.0


STANDARD = CostProfile()


@dataclass(frozen=True)
class ScoredSeries:
    """Scores of one series.

    Parameters
    ----------
    scores : ndarray of shape (n,), float32
        Higher is more anomalous; NaN if there is none. One threshold serves all series, so scores must be comparable.
    labels : ndarray of shape (n,), bool
        Runs of True are the labelled windows.
    probation : int
        Rows at the beginning that do not count, nor do windows that end there.
    """

    scores: FloatArray
    labels: Flags
    probation: int


@dataclass(frozen=True)
class NabScore:
    """A normalised score and its threshold: rows at or above it alarm."""

    score: float
    threshold: float


@dataclass(frozen=True)
class _Corpus:
    """The rows of all series that count: score, gain of an alarm there, and number of its window or -1."""

    scores: Floats
    worths: Floats
    windows: IntArray
    n_windows: int


def probation_of(rows: int) -> int:
    """Return the length of the probationary period: 15 % of the rows, at most 750.

    >>> probation_of(4032), probation_of(20_000)
    (604, 750)
    """
    return min(int(0.15 * rows), 750)


def windows_of(labels: Flags) -> IntArray:
    """Return first row and row after the last of each run of True, shape (windows, 2).

    >>> windows_of(np.array([0, 1, 1, 0, 1], bool)).tolist()
    [[1, 3], [4, 5]]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], labels, [False]])))
    return np.asarray(edges.reshape(-1, 2), np.int64)


def counted_windows(series: ScoredSeries) -> IntArray:
    """Return the windows of a series that end after its probationary period, as `windows_of` does."""
    windows = windows_of(series.labels)
    return np.asarray(windows[windows[:, 1] > series.probation], np.int64)


def no_windows() -> RecordingError:
    """Return the error for a corpus without labelled windows."""
    return RecordingError(
        "no series has a labelled window after its probationary period. Expected NAB's labels in a column anomaly."
    )


def scaled_sigmoid(place: Floats) -> Floats:
    """Return σ of places relative to a window, from 1 far before its end to -1 far after it.

    >>> scaled_sigmoid(np.array([-1.0, 0.0, 1.0, 3.1])).round(4)
    array([ 0.9866,  0.    , -0.9866, -1.    ])
    """
    near = 2.0 / (1.0 + np.exp(5.0 * np.minimum(place, _FARTHEST))) - 1.0
    return np.where(place > _FARTHEST, -1.0, near)


def worth_of_alarms(labels: Flags, profile: CostProfile = STANDARD) -> Floats:
    """Return the gain of an alarm in each row, shape (n,); within a window only the first one counts."""
    rows = np.arange(len(labels))
    worths = np.full(len(labels), -profile.false_alarm)
    for start, stop in windows_of(labels):
        width = stop - start
        # A window of one row has no width to measure distances with: the rows after it are far away.
        past = (rows[stop:] - (stop - 1)) / (width - 1) if width > 1 else np.full(len(labels) - stop, np.inf)
        worths[stop:] = profile.false_alarm * scaled_sigmoid(past)
        inside = scaled_sigmoid((rows[start:stop] - stop) / width)
        worths[start:stop] = profile.hit * inside / scaled_sigmoid(np.array([-1.0]))
    return worths


def standard_score(series: Sequence[ScoredSeries], profile: CostProfile = STANDARD) -> NabScore:
    """Return the score at the best threshold for the whole corpus, as NAB's own optimiser picks it.

    Raises
    ------
    RecordingError
        If no series has a labelled window after its probationary period.
    """
    corpus = _corpus(series, profile)
    order = np.argsort(-corpus.scores, kind="stable")
    sums = np.cumsum(_gains(corpus, order, profile))
    scores = corpus.scores[order]
    # Rows of equal scores alarm together: only the last of them is a threshold.
    whole = np.append(scores[1:] != scores[:-1], True) if len(scores) else np.zeros(0, bool)
    sums = np.where(whole, sums, -np.inf)
    best = int(sums.argmax()) if len(sums) else 0
    if not len(sums) or sums[best] <= 0.0:
        return NabScore(0.0, NEVER)
    return NabScore(_normalised(float(sums[best]), corpus, profile), float(scores[best]))


def score_at(series: Sequence[ScoredSeries], threshold: float, profile: CostProfile = STANDARD) -> NabScore:
    """Return the score at a given threshold: rows at or above it alarm.

    Raises
    ------
    RecordingError
        If no series has a labelled window after its probationary period.
    """
    corpus = _corpus(series, profile)
    order = np.argsort(-corpus.scores, kind="stable")
    alarms = order[corpus.scores[order] >= threshold]
    gained = float(_gains(corpus, alarms, profile).sum())
    return NabScore(_normalised(gained, corpus, profile), threshold)


def _normalised(gained: float, corpus: _Corpus, profile: CostProfile) -> float:
    """Return the gain over a detector that never alarms, from 0 to 100."""
    return 100.0 * gained / (corpus.n_windows * (profile.hit + profile.miss))


def _gains(corpus: _Corpus, order: IntArray, profile: CostProfile) -> Floats:
    """Return what each alarm adds to the sum, row by row in this order."""
    gains = corpus.worths[order]
    windows = corpus.windows[order]
    earned = np.full(corpus.n_windows, -profile.miss)
    for place in np.flatnonzero(windows >= 0):
        window = windows[place]
        worth = gains[place]
        gains[place] = max(worth - earned[window], 0.0)
        earned[window] = max(worth, earned[window])
    return gains


def _corpus(series: Sequence[ScoredSeries], profile: CostProfile) -> _Corpus:
    parts, before = [], 0
    for one in series:
        numbers = np.full(len(one.labels), -1)
        for start, stop in counted_windows(one):
            numbers[start:stop] = before
            before += 1
        counts = ~np.isnan(one.scores) & (np.arange(len(one.labels)) >= one.probation)
        worths = worth_of_alarms(one.labels, profile)
        parts.append((one.scores[counts].astype(np.float64), worths[counts], numbers[counts]))
    if not before:
        raise no_windows()
    scores, worths, windows = (np.concatenate([part[column] for part in parts]) for column in range(3))
    return _Corpus(scores, worths, windows.astype(np.int64), before)
