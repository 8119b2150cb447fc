"""The head of a third-party graph and its threshold: given by hand, or fitted on normal data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import UsageError
from edge_runtime.fitting.budget import FalseAlarmBudget
from edge_runtime.fitting.heads import spe_head
from edge_runtime.fitting.left_out import can_leave_out
from edge_runtime.fitting.limit import fit_limit
from edge_runtime.fitting.promise import threshold_of
from edge_runtime.inference.heads import PARTS, Head
from edge_runtime.model_file.manifest import Threshold
from export.by_hand import ByHand
from export.fitting.choice import Candidate, score_left_out
from export.fitting.file_outputs import FileOutputs, Parts
from export.fitting.fit_heads import fit_head
from export.third_party_graph import GraphEnds


@dataclass(frozen=True)
class FittedHead:
    """A head whose threshold is 1, and the raw scores it gives by run."""

    head: Head
    threshold: Threshold
    scores: list[FloatArray]


def fitted_head(
    kind: str, by_hand: ByHand, runs: list[dict[str, FloatArray]], normal: dict[str, FloatArray], window: int
) -> FittedHead:
    """Return the head that was given, or fitted on what the graph gives for normal windows.

    Parameters
    ----------
    runs : list of mapping
        What heads are made of, by runtime.
    normal : mapping
        The first runtime's for normal windows; of length 0 where there are none.
    window : int
        Readings in a window.

    Raises
    ------
    UsageError
        If it can neither be read nor fitted.
    """
    head = _head(kind, by_hand, normal)
    threshold, limit = _threshold(by_hand, head, normal, guard=window - 1)
    head = head.scaled(1.0 / limit)
    return FittedHead(head, threshold, [head.score(part) for part in runs])


def check_head(kind: str, ends: GraphEnds) -> None:
    """Raise UsageError unless the graph gives what the head needs."""
    needed = {"residual": "reconstruction", "codes": "codes"}
    missing = [needed[part] for part in PARTS[kind] if part in needed and not ends.has(needed[part])]
    if missing:
        raise UsageError(f"--head {kind} needs the {' and the '.join(missing)} of the graph. Name that output.")


def _head(kind: str, by_hand: ByHand, parts: dict[str, FloatArray]) -> Head:
    width = sum(parts[part].shape[1] for part in PARTS[kind])
    if by_hand.head_file is not None:
        return _head_from(by_hand.head_file, kind, width)
    if kind == "spe":
        return spe_head(width)
    if not all(len(part) for part in parts.values()):
        raise UsageError(f"--head {kind} is fitted: expected normal data, or --head-file with mean and whitening.")
    return fit_head(kind, parts)


def _head_from(path: Path, kind: str, width: int) -> Head:
    try:
        with np.load(path, allow_pickle=False) as archive:
            head = Head(kind, *(np.asarray(archive[name], np.float32) for name in ("mean", "whitening")))
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise UsageError(f"--head-file {path}: expected an .npz with mean and whitening ({error}).") from error
    if head.mean.shape != (width,) or head.whitening.shape not in ((width,), (width, width)):
        raise UsageError(
            f"--head-file {path}: expected a mean of {width} values and a whitening of {width} or {width} x {width}. "
            f"Received: {head.mean.shape} and {head.whitening.shape}."
        )
    return head


def _threshold(by_hand: ByHand, head: Head, parts: Parts, guard: int) -> tuple[Threshold, float]:
    """Return the threshold of normalised scores, and the score that becomes 1."""
    if by_hand.threshold is not None:
        return Threshold(1.0, f"set by hand: {by_hand.threshold:g} before scores were normalised", 0.0, 0), (
            by_hand.threshold
        )
    if by_hand.head_file is None and can_leave_out(len(parts["inputs"])):
        outputs = FileOutputs(parts, (), np.ones(len(parts["inputs"]), bool))
        scores, _ = score_left_out(outputs, (), Candidate(head.kind), guard)
    else:
        scores = head.score(parts).astype(np.float64)
    budget = FalseAlarmBudget()
    limit = fit_limit(scores, budget.per_window(0.0))
    return threshold_of(limit, budget, 0.0), limit.value
