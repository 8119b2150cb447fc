"""Choosing head and smoothing without labels: the ones that find synthetic faults best at the alarm budget.

Every candidate is fitted without one block of the recording and judged on that block, for each block in turn. Its limit
is fitted on the resulting normal scores. The share of faulty windows above the limit counts, so a head whose normal
scores wander pays with a higher limit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.arrays import BoolArray
from edge_runtime.fitting.detection import FaultScores, best_of, cost_of, detection_with
from edge_runtime.fitting.heads import fit_rows
from edge_runtime.fitting.left_out import score_blocks
from edge_runtime.fitting.limit import Limit
from edge_runtime.fitting.moments import Blocks, Floats, Kept
from edge_runtime.fitting.packing import pack
from edge_runtime.fitting.stretch_faults import Fault
from edge_runtime.inference.heads import PARTS, Head, ScoringHead
from edge_runtime.verification.parity import roc_auc
from export.fitting.file_outputs import FileOutputs, Parts
from export.fitting.fit_heads import fit_head, k_means


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
    modes : int
        Modes of operation of the head ``modes``, counted once on all normal windows.
    is_packed : bool
        Whether the head is stored in integers, see `edge_runtime.inference.packed_head`.
    """

    head: str
    allow_drift: bool = False
    span: int = 1
    modes: int = 1
    is_packed: bool = False

    @property
    def name(self) -> str:
        """The candidate in words."""
        return f"{self.head}{', drift allowed' if self.allow_drift else ''}, span {self.span}"

    def fit(self, parts: Parts) -> ScoringHead:
        """Return the head, fitted on normal windows."""
        return self._stored(fit_head(self.head, parts, allow_drift=self.allow_drift, modes=self.modes))

    def fit_rows(self, rows: Blocks, inputs: int) -> ScoringHead:
        """Return the head, fitted on its ``z`` for normal windows, of which the first columns may be inputs."""
        return self._stored(fit_rows(self.head, rows, inputs, k_means, allow_drift=self.allow_drift, modes=self.modes))

    def _stored(self, head: Head) -> ScoringHead:
        return pack(head) if self.is_packed else head


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
    outputs: FileOutputs, faults: tuple[Fault, ...], candidate: Candidate, guard: int
) -> tuple[Floats, list[Floats]]:
    """Return raw scores of all normal windows and of each fault's windows, by heads fitted without their block.

    Parameters
    ----------
    guard : int
        Windows on either side of a block that share readings with it.
    """
    inputs = outputs.normal["inputs"].shape[1]

    def fit(kept: Blocks) -> ScoringHead:
        rows = outputs.left_out(candidate.head, kept) if isinstance(kept, Kept) else kept
        return candidate.fit_rows(rows, inputs)

    found = score_blocks([outputs.rows(candidate.head)], outputs.usual, fit, guard)
    faulty: list[Floats] = []
    for block, same in itertools.groupby(zip(faults, outputs.faulty, strict=True), lambda pair: pair[0].block):
        # All at once: a product for each fault takes longer than its rows do.
        rows = [np.concatenate([parts[name] for name in PARTS[candidate.head]], axis=1) for _, parts in same]
        scores = found.heads[block].score_rows(np.concatenate(rows)).astype(np.float64)
        faulty += np.split(scores, np.cumsum([len(one) for one in rows])[:-1])
    return found.scores, faulty


def try_spans(  # noqa: PLR0913 - what was scored, and how it is judged
    scores: tuple[Floats, list[Floats]],
    faults: tuple[Fault, ...],
    usual: BoolArray,
    candidate: Candidate,
    spans: tuple[int, ...],
    alarms_per_window: float | None,
) -> list[Tried]:
    """Judge a candidate with several smoothing spans, its limits fitted on the `usual` windows, shape (n,), bool."""
    normal, faulty = scores
    roc_auc = _roc_auc(normal, faulty)
    found = [FaultScores(fault.name, fault.start, raw) for fault, raw in zip(faults, faulty, strict=True)]
    tried = []
    for span in spans:
        share, limit = detection_with(span, normal, found, usual, alarms_per_window)
        tried.append(Tried(replace(candidate, span=span), share, limit, roc_auc))
    return tried


def _roc_auc(normal: Floats, faulty: list[Floats]) -> float:
    scores = np.concatenate([normal, *faulty])
    labels = np.repeat([False, True], [len(normal), len(scores) - len(normal)])
    return roc_auc(scores, labels) if labels.any() else 0.5


def best(tried: list[Tried], cost: Callable[[str], float] = cost_of) -> Tried:
    """Return the candidate that finds most; among heads within 0.05 of it, the cheapest on the device."""
    return best_of(tried, lambda one: one.detection, lambda one: cost(one.candidate.head))


def fit_on_all(outputs: FileOutputs, candidate: Candidate) -> ScoringHead:
    """Fit the candidate's head on all normal windows."""
    return candidate.fit(outputs.to_fit_on)
