"""A recording through a detector: every window, smoothed, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, IntArray
from edge_runtime.signal.rolling_windows import RollingWindows
from edge_runtime.streaming.judging import Judge, Judged


@dataclass(frozen=True)
class ScoredRows:
    """Results of successive windows.

    Parameters
    ----------
    rows : ndarray of shape (n,), int64
        Row at which each window ends, counted from the first row given.
    scores : ndarray of shape (n,), float32
        Smoothed.
    thresholds : ndarray of shape (n,), float32
        What each was held against.
    contributions : ndarray of shape (n, sensors), float32, or None
        See `Detector.explain_many`.
    """

    rows: IntArray
    scores: FloatArray
    thresholds: FloatArray
    contributions: FloatArray | None = None

    @property
    def anomalies(self) -> BoolArray:
        """Which scores are above the threshold, shape (n,)."""
        return np.asarray(self.scores > self.thresholds)


def score_blocks(
    judge: Judge, blocks: Iterable[FloatArray | None], explain: Callable[[Judged], FloatArray] | None = None
) -> Iterator[ScoredRows]:
    """Yield the results of each block of rows, as `Detector.update` would give them row by row.

    Parameters
    ----------
    judge : Judge
        It goes on from block to block.
    blocks : iterable of ndarray of shape (n, sensors), or None
        Consecutive rows in the manifest's sensor order. None, which has no result, says that time is missing
        there: no window reaches over it.
    explain : callable, optional
        Gives the contributions as well, shape (n, sensors).
    """
    preprocessing = judge.spec.preprocessing
    rolling = RollingWindows(preprocessing.window, preprocessing.stride, preprocessing.sensors)
    fed = 0
    for block in blocks:
        if block is None:
            rolling.reset()
            continue
        windows, ends = rolling.push(np.asarray(block, np.float32))
        judged = judge.look_at(windows)
        contributions = None if explain is None else explain(judged)
        yield ScoredRows(fed + ends, judged.scores, judged.thresholds, contributions)
        fed += len(block)
