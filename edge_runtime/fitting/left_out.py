"""Scores of normal windows by heads that were not fitted on them: each block is scored by a head fitted on the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.fitting.blocks import block_bounds, without_block
from edge_runtime.fitting.moments import Blocks, Floats, Kept
from edge_runtime.inference.heads import ScoringHead
from edge_runtime.signal.smoothing import Smoother

_LEAST_WINDOWS = 20


class LeftOut(NamedTuple):
    """What heads that left one block out make of normal windows.

    Parameters
    ----------
    scores : ndarray of shape (n,), float64
        Raw, in time order.
    heads : tuple of ScoringHead
        By number of the block that each has not seen.
    """

    scores: Floats
    heads: tuple[ScoringHead, ...]


def score_blocks(rows: Blocks, usual: BoolArray, fit: Callable[[Blocks], ScoringHead], guard: int) -> LeftOut:
    """Score every block of normal windows by a head fitted on the others.

    With too few windows to leave any out, one head is fitted on all of them; the t-limit is correspondingly wide.

    Parameters
    ----------
    rows : Blocks
        The head's ``z``.
    usual : ndarray of shape (n,), bool
        Windows to fit on.
    guard : int
        Windows on either side of a block that share readings with it.
    """
    n = len(usual)
    if not can_leave_out(n):
        head = fit(Kept(rows, usual))
        return LeftOut(_scores(head, rows), (head,) * len(block_bounds(n)))
    scores, heads = np.empty(n), []
    for start, stop in block_bounds(n):
        head = fit(Kept(rows, without_block(n, start, stop, guard) & usual))
        within = np.zeros(n, bool)
        within[start:stop] = True
        scores[start:stop] = _scores(head, Kept(rows, within))
        heads.append(head)
    return LeftOut(scores, tuple(heads))


def _scores(head: ScoringHead, rows: Blocks) -> Floats:
    return np.concatenate([head.score_rows(block).astype(np.float64) for block in rows])


def can_leave_out(n: int) -> bool:
    """Return whether there are enough windows to leave a block out."""
    return n >= _LEAST_WINDOWS


def smooth(scores: FloatArray, span: int, level: float | FloatArray | None = None) -> Floats:
    """Return smoothed scores of shape (n,) or (n, columns), starting from a level, of each column."""
    smoother = Smoother(span)
    smoother.level = level
    return smoother.update_many(np.asarray(scores, np.float32)).astype(np.float64)
