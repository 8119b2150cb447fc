"""An attempt beside the same detector in float32: what is lost, and whether that is too much."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.model_file.manifest import Parity, ParityLimits
from edge_runtime.verification.parity import Side, compare, roc_auc, shortfalls
from export.attempt import Attempt
from export.labelled import Labelled
from export.runtime_check import RuntimeOutputs, run_in


@dataclass(frozen=True)
class FileComparison:
    """What was found.

    Parameters
    ----------
    parity : Parity
        In the first runtime.
    parity_float32 : Parity
        Of the float32 detector with itself: its own figures.
    failures : tuple of str
        Limits that are not kept, and where; empty if all are.
    """

    parity: Parity
    parity_float32: Parity
    failures: tuple[str, ...]


def compare_with_float32(
    attempt: Attempt, full: Attempt, limits: ParityLimits, labelled: Labelled | None
) -> FileComparison:
    """Compare what every runtime gave with the float32 detector in the first.

    Parameters
    ----------
    labelled : Labelled, optional
        Windows on which ROC-AUC must not fall, in addition to the synthetic faults.
    """
    before, after = (_labelled_roc_auc(one, labelled) for one in (full, attempt))
    parities = [_parity(full, attempt, run, before, after) for run in attempt.runs]
    found: dict[str, list[str]] = {}
    for run, parity in zip(attempt.runs, parities, strict=True):
        for sentence in shortfalls(parity, limits):
            found.setdefault(sentence, []).append(run.runtime.name)
    failures = tuple(f"{sentence} in {' and '.join(names)}" for sentence, names in found.items())
    return FileComparison(parities[0], _parity(full, full, full.runs[0], before, before), failures)


def _parity(full: Attempt, attempt: Attempt, run: RuntimeOutputs, before: float | None, after: float | None) -> Parity:
    reference = full.runs[0]
    return compare(Side(reference.codes, reference.scores), Side(run.codes, run.scores))._replace(
        roc_auc_full=full.scoring.roc_auc,
        roc_auc=attempt.scoring.roc_auc,
        labelled_roc_auc_full=before,
        labelled_roc_auc=after,
    )


def _labelled_roc_auc(attempt: Attempt, labelled: Labelled | None) -> float | None:
    if labelled is None:
        return None
    run = run_in(attempt.runs[0].runtime, attempt.graph.content, attempt.host, labelled.windows)
    return roc_auc(run.scores, labelled.labels)
