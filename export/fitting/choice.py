"""Choosing head and smoothing without labels: the ones that find synthetic faults best at the alarm budget.

Every candidate is fitted without one block of the recording and judged on that block, for each block in turn. Its limit
is fitted on the resulting normal scores. The share of faulty windows above the limit counts, so a head whose normal
scores wander pays with a higher limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from edge_runtime.arrays import BoolArray
from edge_runtime.inference.heads import PARTS, Head, needs_decoder, needs_network
from edge_runtime.signal.smoothing import Smoother
from export.fitting.blocks import block_bounds, without_block
from export.fitting.file_outputs import Fault, FileOutputs, Parts
from export.fitting.fit_heads import fit_head
from export.fitting.limit import Limit, fit_limit

Floats = npt.NDArray[np.float64]
SPANS = (1, 5, 10, 30)
# A costlier head must find this much more; five blocks cannot separate closer ones (docs/concepts/scoring.md).
_TIE = 0.05
_LEAST_WINDOWS = 20


@dataclass(frozen=True)
class Candidate:
    """One way to score.

    Parameters
    ----------
    head : str
        A key of `edge_runtime.inference.heads.PARTS`.
    allow_drift : bool
        See `export.fitting.fit_heads.fit_head`.
    span : int
        Smoothing span.
    """

    head: str
    allow_drift: bool = False
    span: int = 1

    @property
    def name(self) -> str:
        """The candidate in words."""
        return f"{self.head}{', drift allowed' if self.allow_drift else ''}, span {self.span}"


@dataclass(frozen=True)
class Tried:
    """The result of a candidate.

    Parameters
    ----------
    candidate : Candidate
    detection : float
        Share of faulty windows above the limit, mean over the faults.
    limit : Limit
        Fitted on normal scores of held-out blocks.
    roc_auc : float
        Raw scores of normal windows against those of faulty ones.
    """

    candidate: Candidate
    detection: float
    limit: Limit
    roc_auc: float


def score_left_out(
    outputs: FileOutputs, faults: tuple[Fault, ...], head: str, *, allow_drift: bool, guard: int
) -> tuple[Floats, list[Floats]]:
    """Return raw scores of all normal windows and of each fault's windows, by heads fitted without their block.

    Parameters
    ----------
    guard : int
        Windows on either side of a block that share readings with it.
    """
    normal = outputs.normal
    n = len(normal["inputs"])
    left_out, faulty = np.empty(n), [np.empty(0)] * len(faults)
    for number, (start, stop) in enumerate(block_bounds(n)):
        kept = without_block(n, start, stop, guard) & outputs.usual
        fitted = fit_head(head, _rows(normal, head, kept), allow_drift=allow_drift)
        left_out[start:stop] = fitted.score(_rows(normal, head, slice(start, stop)))
        for index, fault in enumerate(faults):
            if fault.block == number:
                faulty[index] = fitted.score(outputs.faulty[index]).astype(np.float64)
    return left_out, faulty


def _rows(parts: Parts, head: str, rows: BoolArray | slice) -> Parts:
    return {name: parts[name][rows] for name in {*PARTS[head], "inputs"}}


def try_spans(  # noqa: PLR0913 - what was scored, and how it is judged
    scores: tuple[Floats, list[Floats]],
    faults: tuple[Fault, ...],
    usual: BoolArray,
    head: str,
    spans: tuple[int, ...],
    alarms_per_window: float | None,
    *,
    allow_drift: bool = False,
) -> list[Tried]:
    """Evaluate one head with several smoothing spans; limits are fitted on the `usual` windows, shape (n,), bool."""
    normal, faulty = scores
    tried, roc_auc = [], _roc_auc(normal, faulty)
    for span in spans:
        smoothed = smooth(normal, span)
        limit = fit_limit(smoothed[usual], alarms_per_window)
        by_fault: dict[str, list[float]] = {}
        for fault, raw in zip(faults, faulty, strict=True):
            after = smooth(raw, span, level=float(smoothed[max(fault.start - 1, 0)]))
            by_fault.setdefault(fault.name, []).append(float((after > limit.value).mean()))
        detection = float(np.mean([np.mean(shares) for shares in by_fault.values()])) if by_fault else 0.0
        tried.append(Tried(Candidate(head, allow_drift, span), detection, limit, roc_auc))
    return tried


def _roc_auc(normal: Floats, faulty: list[Floats]) -> float:
    scores = np.concatenate([normal, *faulty])
    labels = np.repeat([0, 1], [len(normal), len(scores) - len(normal)])
    return float(roc_auc_score(labels, scores)) if labels.any() else 0.5


def smooth(scores: Floats, span: int, level: float | None = None) -> Floats:
    """Return smoothed scores, starting from a level."""
    smoother = Smoother(span)
    smoother.level = level
    return smoother.update_many(np.asarray(scores, np.float32)).astype(np.float64)


def best(tried: list[Tried]) -> Tried:
    """Return the candidate with the highest detection; among heads within 0.05 of it, the cheapest on the device."""
    top = max(one.detection for one in tried)
    good = [one for one in tried if one.detection >= top - _TIE]
    return min(good, key=lambda one: (_cost(one.candidate.head), -one.detection))


def _cost(head: str) -> int:
    """Return a sort key of heads by their cost on the device."""
    return 2 * needs_decoder(head) + needs_network(head) + (head in ("modes", "codebook"))


def fit_on_all(outputs: FileOutputs, candidate: Candidate) -> Head:
    """Fit the candidate's head on all normal windows."""
    return fit_head(candidate.head, outputs.to_fit_on, allow_drift=candidate.allow_drift)


def can_leave_out(n: int) -> bool:
    """Return whether there are enough windows to leave a block out."""
    return n >= _LEAST_WINDOWS
