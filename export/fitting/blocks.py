"""Contiguous blocks of a recording, held out together because windows resemble their neighbours."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import BoolArray

BLOCKS = 5


def block_bounds(n: int, blocks: int = BLOCKS) -> list[tuple[int, int]]:
    """Return the start and end (exclusive) of successive blocks of nearly equal length.

    >>> block_bounds(11, 3)
    [(0, 3), (3, 7), (7, 11)]
    """
    edges = np.linspace(0, n, blocks + 1).astype(int).tolist()
    return list(itertools.pairwise(edges))


def block_variance(values: npt.NDArray[np.floating[Any]], blocks: int = 8) -> npt.NDArray[np.float64]:
    """Return the variance of each column's block means, shape (columns,); about blocks / n for independent rows.

    >>> drifting = np.linspace(-1, 1, 80)[:, None]
    >>> block_variance(np.concatenate([drifting, (-1.0) ** np.arange(80)[:, None]], axis=1)).round(2)
    array([0.38, 0.  ])
    """
    means = [values[start:stop].mean(axis=0) for start, stop in block_bounds(len(values), blocks) if stop > start]
    return np.asarray(np.var(means, axis=0, ddof=1 if len(means) > 1 else 0), np.float64)


def without_block(n: int, start: int, stop: int, guard: int) -> BoolArray:
    """Return which of n windows to fit on if a block, and `guard` windows on either side of it, are left out."""
    kept = np.ones(n, bool)
    kept[max(0, start - guard) : stop + guard] = False
    return kept
