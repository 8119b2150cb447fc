"""Causal smoothing of scores: an exponentially weighted moving average, one by one or many at once."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.signal.decaying import NOTHING, decaying

_BLOCK = 64
_LARGEST = float(np.finfo(np.float32).max)
REMEMBERED = 3.0
"""The most that the moving average of scores remembers, in multiples of the threshold. After a fault a hundred times as
high, an average that remembers all of it stays above the threshold for two spans; this one for half a span. Much less,
and an alarm is interrupted where a fault pauses."""


class Smoother:
    """Exponentially weighted moving average ``y = (1 - alpha) * min(y, most) + alpha * x``, begun by the first score.

    It smooths rows of numbers as well, such as the contributions that sum to the scores: smoothed alike, they sum to
    the smoothed score.

    Parameters
    ----------
    span : int
        ``alpha = 2 / (span + 1)``; a span of 1 passes scores through.
    threshold : float
        ``most`` is `REMEMBERED` times this: of a level, or of a row's sum.

    Notes
    -----
    A score that overflowed, of a window farther out than float32 can square, counts as the largest number there is:
    infinity and NaN would stay in the average for ever, and no alarm would ever be right again.

    Examples
    --------
    >>> smoother = Smoother(span=3)
    >>> [smoother.update(score) for score in (1.0, 1.0, 5.0)]
    [1.0, 1.0, 3.0]
    >>> Smoother(span=3, threshold=1.0).update_many(np.float32([1, 101, 1]))
    array([ 1., 51.,  2.], dtype=float32)
    >>> Smoother(span=3).update_many(np.float32([[1, 0], [0, 4]]))
    array([[1. , 0. ],
           [0.5, 2. ]], dtype=float32)

    References
    ----------
    Roberts (1959), Control chart tests based on geometric moving averages.
    """

    def __init__(self, span: int = 1, threshold: float = math.inf) -> None:
        self.alpha, self.most = 2.0 / (span + 1.0), REMEMBERED * threshold
        self.level: Any = None
        """The last smoothed score, or row; None before the first."""

    @cached_property
    def _block(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Weights of a block's scores, row i for the scores 0..i, and of the level before it."""
        # Made when first needed: a stream never does. Powers of at most _BLOCK stay inside float64.
        decay = (1.0 - self.alpha) ** np.arange(_BLOCK + 1)
        lag = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK))
        return np.where(lag >= 0, self.alpha * decay[np.abs(lag)], 0.0), decay[1:]

    @property
    def memory(self) -> int:
        """Number of scores after which an earlier one has less weight than float64 can say."""
        return int(math.log(NOTHING) / math.log1p(-self.alpha)) + 1 if self.alpha < 1.0 else 0

    def windows_above(self, levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return how long levels stay above the threshold while all scores are zero, in windows; an array like it.

        >>> Smoother(span=9, threshold=1.0).windows_above(np.array([0.5, 1.0, 2.0, 3.0, 1e6])).round(1)
        array([0. , 0. , 3.1, 4.9, 4.9])
        """
        if self.alpha == 1.0:
            return np.zeros(levels.shape)
        above = np.clip(levels * (REMEMBERED / self.most), 1.0, REMEMBERED)
        return np.asarray(np.log(above) / -math.log1p(-self.alpha))

    def update(self, score: float) -> float:
        """Return the smoothed score after one more."""
        if not score <= _LARGEST:  # or is NaN
            score = _LARGEST
        smoothed: float = self._after(score)
        self.level = smoothed
        return smoothed

    def update_many(self, scores: FloatArray) -> FloatArray:
        """Return the smoothed scores after each of `scores`, shape (n,) or (n, columns); the same as `update` gives."""
        scores = _counted(scores)
        smoothed = np.empty(scores.shape, np.float32)
        done = 0
        for first, stop in self._stretches_above(scores):
            self._update_all(scores[done:first], smoothed[done:first])
            self._update_each(scores[first:stop], smoothed[first:stop])
            done = stop
        self._update_all(scores[done:], smoothed[done:])
        return smoothed

    def pass_by(self, scores: FloatArray) -> None:
        """Take scores, at least one, whose smoothed values nobody wants: what comes after them is the same."""
        taken = _counted(scores).astype(np.float64)
        if self._stretches_above(taken):
            self.update_many(scores)
            return
        level = np.asarray(taken[0] if self.level is None else self._remembered(self.level))
        decay = (1.0 - self.alpha) ** np.arange(len(scores), -1, -1.0)
        self.level = _plain(decay[0] * level + self.alpha * (decay[1:] @ taken))

    def _stretches_above(self, scores: FloatArray) -> list[tuple[int, int]]:
        """Return where scores exceed what is remembered: only there, a level can."""
        if self.alpha == 1.0 or math.isinf(self.most):
            return []
        above = np.flatnonzero((scores if scores.ndim == 1 else scores.sum(axis=1, dtype=np.float64)) > self.most)
        parts = np.split(above, np.flatnonzero(np.diff(above) > _BLOCK) + 1) if len(above) else []
        return [(int(part[0]), int(part[-1]) + 1) for part in parts]

    def _remembered(self, level: Any) -> Any:
        if not isinstance(level, np.ndarray):
            return min(level, self.most)
        total = level.sum()
        return level if total <= self.most else level * (self.most / total)

    def _after(self, score: Any) -> Any:
        # Not as a step from the level: near the largest number that loses the score altogether.
        level = self.level
        return score if level is None else (1.0 - self.alpha) * self._remembered(level) + self.alpha * score

    def _update_each(self, scores: FloatArray, out: FloatArray) -> None:
        for row, score in enumerate(scores.astype(np.float64) if scores.ndim > 1 else scores.tolist()):
            out[row] = self.level = self._after(score)

    def _update_all(self, scores: FloatArray, out: FloatArray) -> None:
        """Smooth scores none of which exceeds what is remembered."""
        if self.alpha == 1.0 or not len(scores):
            out[:] = scores
            self.level = _plain(scores[-1]) if len(scores) else self.level
            return
        level = np.asarray(scores[0] if self.level is None else self._remembered(self.level), np.float64)
        whole = len(scores) // _BLOCK * _BLOCK
        if whole:
            level = self._smooth(scores[:whole], level, out[:whole])
        if whole < len(scores):
            level = self._smooth(scores[whole:], level, out[whole:])
        self.level = _plain(level)

    def _smooth(self, scores: FloatArray, level: npt.NDArray[np.float64], out: FloatArray) -> npt.NDArray[np.float64]:
        """Smooth blocks of one length into `out`, side by side; return the last level."""
        length = min(len(scores), _BLOCK)
        weights, carry = self._block[0][:length, :length], self._block[1][:length]
        blocks = scores.reshape(-1, length, level.size)
        side_by_side = blocks.transpose(1, 0, 2)
        own = (weights @ side_by_side.reshape(length, -1)).reshape(side_by_side.shape)
        # The last row of each block leads from its level to the next one's.
        levels = decaying(np.concatenate([level.reshape(1, -1), own[-1]]), float(carry[-1]))
        own += carry[:, None, None] * levels[:-1]
        out.reshape(blocks.shape)[:] = own.transpose(1, 0, 2)
        last: npt.NDArray[np.float64] = levels[-1].reshape(level.shape)
        return last

    def reset(self) -> None:
        """Forget all scores."""
        self.level = None


def _counted(scores: FloatArray) -> FloatArray:
    """Return scores, those that overflowed as the largest number there is."""
    # The largest is NaN if any is.
    is_usual = not scores.size or scores.max() <= _LARGEST
    return scores if is_usual else np.where(scores <= _LARGEST, scores, np.float32(_LARGEST))


def _plain(level: FloatArray) -> float | FloatArray:
    return level if level.ndim else float(level)
