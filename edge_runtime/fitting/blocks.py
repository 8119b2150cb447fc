"""Contiguous blocks of a recording, held out together because windows resemble their neighbours."""

from __future__ import annotations

import itertools

import numpy as np

from edge_runtime.arrays import BoolArray

BLOCKS = 5


def block_bounds(n: int, blocks: int = BLOCKS) -> list[tuple[int, int]]:
    """Return the start and end (exclusive) of successive blocks of nearly equal length.

    >>> block_bounds(11, 3)
    [(0, 3), (3, 7), (7, 11)]
    """
    edges = np.linspace(0, n, blocks + 1).astype(int).tolist()
    return list(itertools.pairwise(edges))


def without_block(n: int, start: int, stop: int, guard: int) -> BoolArray:
    """Return which of n windows to fit on if a block, and `guard` windows on either side of it, are left out."""
    kept = np.ones(n, bool)
    kept[max(0, start - guard) : stop + guard] = False
    return kept
