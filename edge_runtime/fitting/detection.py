"""How much of synthetic faults a head finds with a smoothing span, at the limit that keeps the alarm budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from edge_runtime.arrays import BoolArray
from edge_runtime.fitting.left_out import smooth
from edge_runtime.fitting.limit import Limit, fit_limit
from edge_runtime.fitting.moments import Floats
from edge_runtime.inference.heads import needs_decoder, needs_network
from edge_runtime.signal.smoothing import Smoother

SPANS = (1, 5, 10, 30, 100)
# With fewer scores than ten times the span, no limit can be fitted: they are not even ten independent ones.
_SPANS_TO_FIT_ON = 10
# Another head than the preferred one must find this much more; five blocks cannot separate closer ones
# (docs/concepts/scoring.md).
_TIE = 0.05
T = TypeVar("T")


class FaultScores(NamedTuple):
    """Raw scores of a fault's windows.

    Parameters
    ----------
    name : str
    start : int
        Which of the normal windows the first of them stands for.
    raw : ndarray of shape (m,), float64
    """

    name: str
    start: int
    raw: Floats


class Detection(NamedTuple):
    """What is found with one span.

    Parameters
    ----------
    share : float
        Windows above the limit, of the faulty ones and those after them that alarm all the same because the average
        remembers; mean over the kinds of faults.
    limit : Limit
    """

    share: float
    limit: Limit


def spans_for(windows: int, spans: Iterable[int] = SPANS) -> tuple[int, ...]:
    """Return the smoothing spans to try, given the number of normal windows.

    >>> spans_for(500), spans_for(5)
    ((1, 5, 10, 30), (1,))
    """
    return tuple(span for span in spans if span == 1 or span * _SPANS_TO_FIT_ON <= windows)


def detection_with(
    span: int, normal: Floats, faults: Iterable[FaultScores], usual: BoolArray, alarms_per_window: float | None
) -> Detection:
    """Fit the limit on smoothed scores of the `usual` normal windows, and look for the faults.

    Parameters
    ----------
    span : int
    normal : ndarray of shape (n,), float64
        Raw scores of normal windows by heads that were not fitted on them.
    faults : iterable of FaultScores
        Smoothing goes on from the normal windows before each.
    usual : ndarray of shape (n,), bool
    alarms_per_window : float or None
        See `edge_runtime.fitting.limit.fit_limit`.
    """
    smoothed = smooth(normal, span)
    limit = fit_limit(smoothed[usual], alarms_per_window)
    by_name: dict[str, list[float]] = {}
    for alike in _of_one_length(faults):
        levels = smoothed[[max(fault.start - 1, 0) for fault in alike]]
        after = smooth(np.stack([fault.raw for fault in alike], axis=1), span, levels)
        shares = (after > limit.value).sum(axis=0) / (len(after) + Smoother(span, limit.value).windows_above(after[-1]))
        for fault, share in zip(alike, shares.tolist(), strict=True):
            by_name.setdefault(fault.name, []).append(share)
    return Detection(float(np.mean([np.mean(shares) for shares in by_name.values()])) if by_name else 0.0, limit)


def _of_one_length(faults: Iterable[FaultScores]) -> Iterable[list[FaultScores]]:
    """Return the faults in groups of as many windows: smoothed side by side, they take a tenth of the time."""
    by_length: dict[int, list[FaultScores]] = {}
    for fault in faults:
        by_length.setdefault(len(fault.raw), []).append(fault)
    return by_length.values()


def best_of(tried: Sequence[T], share: Callable[[T], float], cost: Callable[[T], float]) -> T:
    """Return what finds the largest share of the faults; of all within 0.05 of it, the one of the lowest cost.

    >>> best_of([("deep", 0.54), ("inputs", 0.5), ("inputs", 0.4)], lambda one: one[1], lambda one: cost_of(one[0]))
    ('inputs', 0.5)
    """
    top = max(map(share, tried))
    good = [one for one in tried if share(one) >= top - _TIE]
    return min(good, key=lambda one: (cost(one), -share(one)))


def cost_of(head: str) -> int:
    """Return a sort key of heads by their cost on the device."""
    return 2 * needs_decoder(head) + needs_network(head) + (head in ("modes", "codebook"))
