"""How much of a fault is found at a limit."""

from __future__ import annotations

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.left_out import smooth
from edge_runtime.fitting.moments import Floats


def share_found(raw: FloatArray, normal: Floats, start: int, span: int, limit: float) -> float:
    """Return the share of a fault's windows whose smoothed score is above a limit.

    Parameters
    ----------
    raw : ndarray of shape (m,)
        Scores of the faulty windows.
    normal : ndarray of shape (n,)
        Smoothed scores of the normal windows, from which smoothing goes on.
    start : int
        Which of these the first faulty window stands for.
    span : int
    limit : float
    """
    return float((smooth(raw, span, level=float(normal[max(start - 1, 0)])) > limit).mean())
