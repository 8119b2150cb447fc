"""The paths of a tracked mean and variance over many readings at once; what `Tracker.follow` does one by one.

Readings are cut into blocks of a few. Side by side, all blocks take each step at once, as soon as it is known where
each starts. Where a block ends is linear in where it starts, so that all starts follow from one sum for each block. A
variance that meets its lower bound on the way ends where it would have ended from that bound. Only which squares are
clipped is not known beforehand: then starts are corrected until every block starts where the one before it ends.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.signal.decaying import decaying

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

MOST_ROWS = 4096
"""So many readings at once stay in a cache."""
_LONGEST_BLOCK = 16
_MOST_ROUNDS = 20
_SAME = 1e-13


def side_by_side(readings: FloatArray, center: Floats) -> Floats:
    """Return readings minus the training mean in blocks, shape (1 + steps, blocks, sensors).

    The first row is free, for where each block starts. The last block is filled up with the training mean.

    Examples
    --------
    >>> side_by_side(np.arange(40.0, dtype=np.float32)[:, None], np.zeros(1))[1:, ::10, 0]
    array([[ 0., 20.,  0.],
           [ 1., 21.,  0.]])
    """
    count, sensors = readings.shape
    steps = _steps(count)
    blocks = np.empty((1 + steps, count // steps + 1, sensors))
    apart = blocks[1:].reshape(steps, -1)
    apart[:] = readings.take(_by_step(count), axis=0, mode="clip").reshape(apart.shape)
    apart -= _in_all(center, blocks.shape[1])
    blocks[1 + count % steps :, -1] = 0.0
    return blocks


def in_turn(path: Floats, count: int) -> Floats:
    """Return a path of shape (steps, blocks, sensors) before each of `count` readings and after the last."""
    return path.reshape(-1, path.shape[2]).take(_by_reading(count), axis=0, mode="clip")


def mean(blocks: Floats, drift: Floats, rate: float) -> Floats:
    """Return the drift before each reading, shape (steps, blocks, sensors), as long as it meets no bound.

    Parameters
    ----------
    blocks : ndarray of shape (1 + steps, blocks, sensors)
        See `side_by_side`.
    drift : ndarray of shape (sensors,)
        Before the first reading.
    """
    steps = len(blocks) - 1
    flat, weights = blocks.reshape(1 + steps, -1), _weights(rate, steps)
    sums = (rate * (_restarted(rate, steps)[0, 1:] @ flat[1:])).reshape(blocks.shape[1:])
    blocks[0] = decaying(np.concatenate([drift[None], sums]), (1.0 - rate) ** steps)[:-1]
    return (weights @ flat[:-1]).reshape(steps, *blocks.shape[1:])


def squares(blocks: Floats, drift: Floats, scale: Floats, rate: float) -> Floats:
    """Return `rate` times the squared distances from the mean, in scales, after a free row: `blocks`, in place."""
    apart = blocks[1:]
    apart -= drift
    flat = apart.reshape(len(apart), -1)
    flat *= _in_all(np.sqrt(rate) / scale, blocks.shape[1])
    np.square(apart, out=apart)
    return blocks


def variance(squares: Floats, before: Floats, rate: float, clip: float, largest: float) -> Floats | None:
    """Return the variance before each reading, shape (steps, blocks, sensors), between 1 and the largest.

    Parameters
    ----------
    squares : ndarray of shape (1 + steps, blocks, sensors)
        See `squares`.
    before : ndarray of shape (sensors,)
        Before the first reading.
    clip : float
        What a square counts for at most, as a multiple of the variance; not above `largest`.
    largest : float

    Returns
    -------
    ndarray of shape (steps, blocks, sensors), or None
        None if it is not found in a few rounds.
    """
    steps, *shape = len(squares) - 1, *squares.shape[1:]
    if not rate:
        return np.tile(before, (steps, shape[0], 1))
    walk = _Walk(squares.reshape(1 + steps, -1), rate, clip, largest)
    starts = walk.first_starts(before)
    for _ in range(_MOST_ROUNDS):
        gaps = walk.ends(starts[:-1]).reshape(shape) - starts[1:]
        if (np.abs(gaps) <= _SAME * starts[1:]).all():
            return walk.path[:-1].reshape(steps, *shape)
        starts[1:] += _led_on(gaps, walk.slopes().reshape(shape), largest)
        np.clip(starts, 1.0, largest, out=starts)
    return None


class _Walk:
    """Steps of the variance in all blocks at once, ``min((1 - rate) * v + square, (1 - rate + clip * rate) * v)``.

    Parameters
    ----------
    squares : ndarray of shape (1 + steps, blocks * sensors)
        Squares after a free row.
    rate, clip, largest : float
    """

    def __init__(self, squares: Floats, rate: float, clip: float, largest: float) -> None:
        self._free_and_squares, self._squares = squares, squares[1:]
        self._rate, self._keep, self._clip, self._largest = rate, 1.0 - rate, clip * rate, largest
        # As the variance is at least 1, there is usually nothing to clip, and then it does not become large.
        self._is_clipped = bool(self._squares.max() > self._clip)
        self.path, self._most = np.empty_like(squares), np.empty(squares.shape[1])

    def ends(self, starts: Floats) -> Floats:
        """Return where each block ends, shape (blocks * sensors,); `path` has all steps."""
        self.path[0] = starts.ravel()
        for before, square, after in zip(self.path[:-1], self._squares, self.path[1:], strict=True):
            np.multiply(before, self._keep, out=after)
            np.add(after, square, out=after)
            if self._is_clipped:
                np.multiply(before, self._keep + self._clip, out=self._most)
                np.minimum(self._most, self._largest, out=self._most)
                np.minimum(after, self._most, out=after)
            np.maximum(after, 1.0, out=after)
        ended: Floats = self.path[-1]
        return ended

    def first_starts(self, before: Floats) -> Floats:
        """Return where each block starts if what is clipped were so by the variance `before`, (1 + blocks, sensors)."""
        steps, sensors = len(self._squares), len(before)
        self._free_and_squares[0] = 1.0
        counted = self._free_and_squares
        if self._is_clipped:
            counted = np.minimum(counted, self._clip * _in_all(before, counted.shape[1] // sensors))
            counted[0] = 1.0
        decay, ends = self._keep**steps, _restarted(self._rate, steps) @ counted
        starts = decaying(np.concatenate([before[None], ends[0].reshape(-1, sensors) - decay]), decay)
        above = ends.max(axis=0).reshape(-1, sensors) - starts[1:]
        starts[1:] += decaying(np.maximum(above, 0.0, out=above), decay, np.maximum)
        return np.minimum(starts, self._largest, out=starts)

    def slopes(self) -> Floats:
        """Return how far each block's end moves with its start, shape (blocks * sensors,)."""
        clipped = (self._squares > self._clip * self.path[:-1]).sum(axis=0, dtype=np.int8)
        steps = len(self._squares)
        by_clipped = self._keep**steps * (1.0 + self._clip / self._keep) ** np.arange(steps + 1)
        slopes: Floats = by_clipped.take(clipped)
        steps_on = self.path[1:]
        slopes[(steps_on.min(axis=0) <= 1.0) | (steps_on.max(axis=0) >= self._largest)] = 0.0
        return slopes


def _led_on(gaps: Floats, slopes: Floats, steepest: float) -> Floats:
    """Return ``y[n] = gaps[n] + slopes[n] * y[n - 1]``, in place: over 2, 4, 8 … blocks."""
    step = 1
    while step < len(gaps):
        gaps[step:] += slopes[step:] * gaps[:-step]
        slopes[step:] = np.minimum(slopes[step:] * slopes[:-step], steepest)
        step *= 2
    return gaps


def _in_all(values: Floats, blocks: int) -> Floats:
    """Return the sensors' values for all blocks side by side."""
    every = np.empty((blocks, len(values)))
    every[:] = values
    return every.ravel()


def _steps(count: int) -> int:
    """Return how many readings make a block: few steps are few calls, and many blocks many starts to find."""
    return max(1, min(_LONGEST_BLOCK, count // _LONGEST_BLOCK))


@lru_cache(maxsize=8)
def _by_step(count: int) -> Places:
    """Return the readings in the order of their steps: the first of each block, the second of each."""
    steps = _steps(count)
    return np.arange((count // steps + 1) * steps).reshape(-1, steps).T.ravel()


@lru_cache(maxsize=8)
def _by_reading(count: int) -> Places:
    """Return where each reading, and the one after the last, lies in the order of `_by_step`."""
    steps = _steps(count)
    block, step = np.divmod(np.arange(count + 1), steps)
    places: Places = step * (count // steps + 1) + block
    return places


@lru_cache(maxsize=8)
def _weights(rate: float, steps: int) -> Floats:
    """Return the weights of a block's start and of each reading but the last in the mean before each step."""
    lag = np.subtract.outer(np.arange(steps), np.arange(steps))
    weights = np.where(lag >= 0, (1.0 - rate) ** np.abs(lag), 0.0)
    weights[:, 1:] *= rate
    return weights


@lru_cache(maxsize=8)
def _restarted(rate: float, steps: int) -> Floats:
    """Return the weights of 1 and of each square in a block's end, from a variance of 1 before each step or at the end.

    Without the first, the first row has the weights of a block's readings in the mean at its end, over `rate`.
    """
    step = np.arange(steps + 1)
    weights = np.where(step > step[:, None], (1.0 - rate) ** (steps - step), 0.0)
    weights[:, 0] = (1.0 - rate) ** (steps - step)
    return weights
