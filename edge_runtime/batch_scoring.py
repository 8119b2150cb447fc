"""A recording through a detector: every window, smoothed, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.detector import Detector
from edge_runtime.preprocessing import FloatArray, sliding_windows
from edge_runtime.smoothing import Smoother


@dataclass(frozen=True)
class ScoredRows:
    """Results of successive windows.

    Parameters
    ----------
    rows : ndarray of shape (n,), int64
        Row at which each window ends, counted from the first row given.
    scores : ndarray of shape (n,), float32
        Smoothed.
    anomalies : ndarray of shape (n,), bool
    contributions : ndarray of shape (n, sensors), float32, or None
        See `Detector.explain_many`.
    """

    rows: npt.NDArray[np.int64]
    scores: FloatArray
    anomalies: npt.NDArray[np.bool_]
    contributions: FloatArray | None = None


def score_blocks(
    detector: Detector, blocks: Iterable[FloatArray | None], *, explain: bool = False
) -> Iterator[ScoredRows]:
    """Yield the results of each block of rows, as `Detector.update` would give them row by row.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n, sensors), or None
        Consecutive rows in the manifest's sensor order. None, which has no result, says that time is missing
        there: no window reaches over it.
    explain : bool
        Also give the contributions.
    """
    preprocessing = detector.manifest.spec.preprocessing
    window, stride = preprocessing.window, preprocessing.stride
    smoother = Smoother(detector.manifest.spec.scoring.smoothing_span)
    kept = np.empty((0, preprocessing.sensors), np.float32)
    start = 0  # row at which the next window starts
    ahead = 0  # rows still to come before it, where the stride is longer than the window
    fed = 0
    for block in blocks:
        if block is None:
            kept, start, ahead = kept[:0], fed, 0
            continue
        fed += len(block)
        rows = np.concatenate([kept, np.asarray(block[ahead:], np.float32)])
        ahead -= min(ahead, len(block))
        windows = sliding_windows(rows, window, stride)
        n = len(windows)
        ends = start + window - 1 + stride * np.arange(n)
        scores = smoother.update_many(detector.score_many(windows))
        contributions = detector.explain_many(windows) if explain else None
        yield ScoredRows(ends, scores, scores > detector.threshold, contributions)
        kept = rows[n * stride :]
        ahead += max(0, n * stride - len(rows))
        start += n * stride
