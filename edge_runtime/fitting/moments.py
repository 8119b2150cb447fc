"""Mean and covariance of rows that arrive in blocks, so that the rows need not be in memory together.

References
----------
Chan, Golub and LeVeque (1979), Updating formulae and a pairwise algorithm for computing sample variances.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import BoolArray, FloatArray

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.floating[Any]]
# Rows without a block are two, and accidents among them a few more.
_STRETCHES = 8


class Blocks(Protocol):
    """Rows in blocks of shape (m, d), in time order; any number of times over."""

    def __iter__(self) -> Iterator[Rows]:
        """Yield the blocks."""


@dataclass(frozen=True)
class Moments:
    """Number, mean and scatter of some rows; adding gives those of all of them.

    Parameters
    ----------
    count : int
    mean : ndarray of shape (d,), float64
    scatter : ndarray of shape (d, d), or (d,) for its diagonal alone, float64
        Sum of ``(x - mean) (x - mean)'``.

    Examples
    --------
    >>> rows = np.array([[1.0, 2.0], [3.0, 2.0], [5.0, 8.0]])
    >>> together = Moments.of(rows[:1]) + Moments.of(rows[1:])
    >>> together.mean, together.covariance.round(2).tolist()
    (array([3., 4.]), [[2.67, 4.0], [4.0, 8.0]])
    """

    count: int
    mean: Floats
    scatter: Floats

    @classmethod
    def of(cls, rows: Rows, *, diagonal: bool = False) -> Moments:
        """Return the moments of rows of shape (n, d); `diagonal` for variances alone."""
        x = rows.astype(np.float64)
        mean = x.mean(axis=0) if len(x) else np.zeros(x.shape[1])
        x -= mean
        return cls(len(x), mean, np.square(x).sum(axis=0) if diagonal else x.T @ x)

    def __add__(self, other: Moments) -> Moments:
        if not self.count or not other.count:
            return self if self.count else other
        count = self.count + other.count
        apart = other.mean - self.mean
        between = self.count * other.count / count
        spread = np.square(apart) if self.scatter.ndim == 1 else np.outer(apart, apart)
        return Moments(
            count, self.mean + apart * (other.count / count), self.scatter + other.scatter + between * spread
        )

    @property
    def covariance(self) -> Floats:
        """Covariance of the rows, of `scatter`'s shape."""
        return np.asarray(self.scatter / max(self.count, 1))

    @property
    def variance(self) -> Floats:
        """Variance of each column, shape (d,)."""
        return np.asarray(self.covariance if self.scatter.ndim == 1 else np.diag(self.covariance))


def moments_of(blocks: Iterable[Rows], *, diagonal: bool = False) -> Moments:
    """Return the moments of all rows of some blocks; there must be one block at least."""
    total: Moments | None = None
    for block in blocks:
        one = Moments.of(block, diagonal=diagonal)
        total = one if total is None else total + one
    if total is None:
        raise ValueError("expected at least one block of rows. Received: none.")
    return total


def deviation_of(windows: Iterable[FloatArray]) -> Floats:
    """Return each sensor's standard deviation in blocks of windows of shape (n, window, sensors), shape (sensors,)."""
    readings = (block.reshape(-1, block.shape[2]) for block in windows)
    return np.sqrt(moments_of(readings, diagonal=True).variance)


@dataclass(frozen=True)
class Kept:
    """Some rows of blocks.

    Parameters
    ----------
    blocks : Blocks
    kept : ndarray of shape (n,), bool
        Which of all their rows.
    """

    blocks: Blocks
    kept: BoolArray

    def __iter__(self) -> Iterator[Rows]:
        start = 0
        for block in self.blocks:
            chosen = self.kept[start : start + len(block)]
            start += len(block)
            yield from _stretches(block, chosen)


def _stretches(block: Rows, chosen: BoolArray) -> Iterator[Rows]:
    """Yield the chosen rows: a few stretches of them as they lie, which needs no copy, and more together."""
    edges = np.flatnonzero(np.diff(chosen, prepend=False, append=False)).reshape(-1, 2)
    if not 0 < len(edges) <= _STRETCHES:
        yield block[chosen]
        return
    for start, stop in edges.tolist():
        yield block[start:stop]


def thinned(blocks: Iterable[Rows], count: int, most: int) -> Floats:
    """Return every k-th of `count` rows, at most `most` of them.

    >>> thinned([np.arange(4.0)[:, None], np.arange(4.0, 7.0)[:, None]], 7, 3).ravel()
    array([0., 3., 6.])
    """
    step, start, chosen = max(1, -(-count // most)), 0, []
    for block in blocks:
        chosen.append(block[-start % step :: step])
        start += len(block)
    return np.asarray(np.concatenate(chosen), np.float64)
