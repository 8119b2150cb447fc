"""Causal smoothing of scores: an exponentially weighted moving average, as stream and as batch."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray

_BLOCK = 256
_LARGEST = float(np.finfo(np.float32).max)


class RowSmoother:
    """The same average of rows of numbers, such as the contributions that sum to the scores.

    A window of noise may blame any sensor; the smoothed score alarms, so what is blamed is smoothed alike. Smoothed
    contributions sum to the smoothed score.

    Parameters
    ----------
    span : int
        See `Smoother`.

    Examples
    --------
    >>> RowSmoother(span=3).update_many(np.float32([[1, 0], [0, 4]]))
    array([[1. , 0. ],
           [0.5, 2. ]], dtype=float32)
    """

    def __init__(self, span: int = 1) -> None:
        self._span, self._columns = span, list[Smoother]()

    def update_many(self, rows: FloatArray) -> FloatArray:
        """Return the smoothed rows after each of `rows`, shape (n, columns)."""
        self._columns = self._columns or [Smoother(self._span) for _ in range(rows.shape[1])]
        smoothed = [column.update_many(values) for column, values in zip(self._columns, rows.T, strict=True)]
        return np.stack(smoothed, axis=1)


class Smoother:
    """Exponentially weighted moving average ``y += alpha * (x - y)`` that starts at the first score.

    Parameters
    ----------
    span : int
        ``alpha = 2 / (span + 1)``; a span of 1 passes scores through.

    Notes
    -----
    A score that overflowed, of a window farther out than float32 can square, counts as the largest number there is:
    infinity and NaN would stay in the average for ever, and no alarm would ever be right again.

    Examples
    --------
    >>> smoother = Smoother(span=3)
    >>> [smoother.update(score) for score in (1.0, 1.0, 5.0)]
    [1.0, 1.0, 3.0]

    References
    ----------
    Roberts (1959), Control chart tests based on geometric moving averages.
    """

    def __init__(self, span: int = 1) -> None:
        self.alpha = 2.0 / (span + 1.0)
        self.level: float | None = None

    @cached_property
    def _block(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Weights of a block's scores, row i for the scores 0..i, and of the level before it."""
        # Made when first needed: a stream never does. Powers of at most _BLOCK stay inside float64.
        decay = (1.0 - self.alpha) ** np.arange(_BLOCK + 1)
        lag = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK))
        return np.where(lag >= 0, self.alpha * decay[np.abs(lag)], 0.0), decay[1:]

    def update(self, score: float) -> float:
        """Return the smoothed score after one more."""
        if not score <= _LARGEST:
            score = _LARGEST
        level = self.level
        # Not as a step from the level: near the largest number that loses the score altogether.
        level = score if level is None else (1.0 - self.alpha) * level + self.alpha * score
        self.level = level
        return level

    def update_many(self, scores: FloatArray) -> FloatArray:
        """Return the smoothed scores after each of `scores`, shape (n,); the same numbers as `update`."""
        scores = np.where(scores <= _LARGEST, scores, np.float32(_LARGEST))
        if self.alpha == 1.0 or not len(scores):
            self.level = float(scores[-1]) if len(scores) else self.level
            return scores
        level = float(scores[0]) if self.level is None else self.level
        weights, carry = self._block
        smoothed = np.empty(len(scores), np.float32)
        for start in range(0, len(scores), _BLOCK):
            block = scores[start : start + _BLOCK].astype(np.float64)
            n = len(block)
            out = weights[:n, :n] @ block + carry[:n] * level
            smoothed[start : start + n] = out
            level = float(out[-1])
        self.level = level
        return smoothed

    def reset(self) -> None:
        """Forget all scores."""
        self.level = None
