"""The paths of a tracked mean and variance over many readings at once; what `Tracker.follow` does one by one.

Readings are cut into blocks of a few. Side by side, all blocks take each step at once, as soon as it is known where each
of them starts. Where a block ends is linear in where it starts, so that all starts follow from one sum for each block. A
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
_MOST_ROUNDS = 6
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
    apart -= np.tile(center, blocks.shape[1])
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
    sums = (rate * (_decays(rate, steps) @ flat[1:])).reshape(blocks.shape[1:])
    blocks[0] = decaying(np.concatenate([drift[None], sums]), (1.0 - rate) ** steps)[:-1]
    return (weights @ flat[:-1]).reshape(steps, *blocks.shape[1:])


def squares(blocks: Floats, drift: Floats, scale: Floats, rate: float) -> Floats:
    """Return `rate` times the squared distances from the mean, in scales, shape (steps, blocks, sensors); in place."""
    apart = blocks[1:]
    apart -= drift
    flat = apart.reshape(len(apart), -1)
    flat *= np.tile(np.sqrt(rate) / scale, blocks.shape[1])
    return np.square(apart, out=apart)


def variance(squares: Floats, before: Floats, rate: float, clip: float) -> Floats | None:
    """Return the variance before each reading, shape (steps, blocks, sensors), as long as it meets no upper bound.

    Parameters
    ----------
    squares : ndarray of shape (steps, blocks, sensors)
        See `squares`.
    before : ndarray of shape (sensors,)
        Before the first reading.
    clip : float
        What a square counts for at most, as a multiple of the variance.

    Returns
    -------
    ndarray of shape (steps, blocks, sensors), or None
        None if it is not found in a few rounds.
    """
    if not rate:
        return np.tile(before, (*squares.shape[:2], 1))
    shape = squares.shape[1:]
    walk = _Walk(squares.reshape(len(squares), -1), rate, clip)
    starts = walk.first_starts(before)
    for _ in range(_MOST_ROUNDS):
        gaps = walk.ends(starts[:-1]).reshape(shape) - starts[1:]
        if (np.abs(gaps) <= _SAME * starts[1:]).all():
            return walk.path[:-1].reshape(squares.shape)
        starts[1:] += _led_on(gaps, walk.slopes().reshape(shape))
        np.maximum(starts, 1.0, out=starts)
    return None


class _Walk:
    """Steps of the variance in all blocks at once, ``v = max(1, min((1 - rate) * v + square, (1 - rate + clip) * v))``.

    Parameters
    ----------
    squares : ndarray of shape (steps, blocks * sensors)
    rate, clip : float
    """

    def __init__(self, squares: Floats, rate: float, clip: float) -> None:
        self._squares, self._rate, self._keep, self._clip = squares, rate, 1.0 - rate, clip * rate
        # As the variance is at least 1, there is usually nothing to clip.
        self._is_clipped = bool(squares.max() > self._clip)
        self.path, self._most = np.empty((len(squares) + 1, squares.shape[1])), np.empty(squares.shape[1])

    def ends(self, starts: Floats | float) -> Floats:
        """Return where each block ends, shape (blocks * sensors,); `path` has all steps."""
        self.path[0] = np.ravel(starts)
        for before, square, after in zip(self.path[:-1], self._squares, self.path[1:], strict=True):
            np.multiply(before, self._keep, out=after)
            after += square
            if self._is_clipped:
                np.multiply(before, self._keep + self._clip, out=self._most)
                np.minimum(after, self._most, out=after)
            np.maximum(after, 1.0, out=after)
        return self.path[-1]

    def first_starts(self, before: Floats) -> Floats:
        """Return where each block starts if what is clipped were so by the variance `before`, (1 + blocks, sensors)."""
        steps, shape = len(self._squares), (-1, len(before))
        counted = self._squares
        if self._is_clipped:
            counted = np.minimum(counted, self._clip * np.tile(before, counted.shape[1] // len(before)))
        sums, decay = (_decays(self._rate, steps) @ counted).reshape(shape), self._keep**steps
        starts = decaying(np.concatenate([before[None], sums]), decay)
        above = self.ends(1.0).reshape(shape) - starts[1:]
        starts[1:] += decaying(np.maximum(above, 0.0, out=above), decay, np.maximum)
        return starts

    def slopes(self) -> Floats:
        """Return how far each block's end moves with its start, shape (blocks * sensors,)."""
        clipped = (self._squares > self._clip * self.path[:-1]).sum(axis=0)
        slopes = self._keep ** (len(self._squares) - clipped) * (self._keep + self._clip) ** clipped
        slopes[self.path[1:].min(axis=0) <= 1.0] = 0.0
        return slopes


def _led_on(gaps: Floats, slopes: Floats) -> Floats:
    """Return ``y[n] = gaps[n] + slopes[n] * y[n - 1]``, in place: over 2, 4, 8 … blocks."""
    step = 1
    while step < len(gaps):
        gaps[step:] += slopes[step:] * gaps[:-step]
        slopes[step:] *= slopes[:-step]
        step *= 2
    return gaps


def _steps(count: int) -> int:
    """Return how many readings make a block: few steps are few calls, and many blocks many starts to find."""
    return max(1, min(_LONGEST_BLOCK, count // _LONGEST_BLOCK))


@lru_cache(maxsize=8)
def _by_step(count: int) -> Places:
    """Return the readings in the order of their steps: the first of each block, the second of each …"""
    steps = _steps(count)
    return np.arange((count // steps + 1) * steps).reshape(-1, steps).T.ravel()


@lru_cache(maxsize=8)
def _by_reading(count: int) -> Places:
    """Return where each reading, and the one after the last, lies in the order of `_by_step`."""
    steps = _steps(count)
    block, step = np.divmod(np.arange(count + 1), steps)
    return step * (count // steps + 1) + block


@lru_cache(maxsize=8)
def _decays(rate: float, steps: int) -> Floats:
    """Return the weight of each step's reading, over `rate`, at the end of its block."""
    return (1.0 - rate) ** np.arange(steps - 1, -1, -1.0)


@lru_cache(maxsize=8)
def _weights(rate: float, steps: int) -> Floats:
    """Return the weights of a block's start and of each reading but the last in the mean before each step."""
    lag = np.subtract.outer(np.arange(steps), np.arange(steps))
    weights = np.where(lag >= 0, (1.0 - rate) ** np.abs(lag), 0.0)
    weights[:, 1:] *= rate
    return weights
