"""Choosing a scoring head without labels: which one sees faults put into normal windows best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from edge_runtime.head_fitting import fit_head
from edge_runtime.heads import PARTS, Head, needs_decoder
from edge_runtime.preprocessing import FloatArray, Preprocessing
from edge_runtime.smoothing import Smoother
from training.faults import FAULTS, with_fault

# Heads that differ by less are told apart by what they cost on the device.
_TIE = 0.01
_SENSORS = 6
_WINDOWS = 1000
Parts = Mapping[str, FloatArray]


@dataclass(frozen=True)
class HeadChoice:
    """The head chosen, and the figures it was chosen by.

    Parameters
    ----------
    head : str
    roc_auc : mapping of str to mapping of str to float
        ROC-AUC by head and fault: held-out normal windows against the same with that fault, mean over sensors.
    """

    head: str
    roc_auc: Mapping[str, Mapping[str, float]]

    def mean(self, head: str) -> float:
        """Return a head's mean ROC-AUC over the faults."""
        return float(np.mean(list(self.roc_auc[head].values())))

    def reason(self) -> str:
        """Return why this head, in a sentence."""
        best = max(self.roc_auc, key=self.mean)
        others = ", ".join(f"{head} {self.mean(head):.3f}" for head in self.roc_auc if head != self.head)
        why = "the highest" if best == self.head else f"less than {_TIE} below {best}, and it costs less"
        return (
            f"head {self.head}: mean ROC-AUC {self.mean(self.head):.3f} over synthetic faults "
            f"({', '.join(FAULTS)}), {why}; {others}"
        )


def choose_head(
    make_parts: Callable[[FloatArray], Parts],
    train_parts: Parts,
    held_out: FloatArray,
    preprocessing: Preprocessing,
    smoothing_span: int,
) -> tuple[HeadChoice, Head]:
    """Fit every head on the training windows and try it on faults in the held-out ones.

    The rule: the head with the highest mean ROC-AUC over faults and sensors; of those within 0.01 of it the
    cheapest on the device, in this order: without decoder, fewer variables in the head.

    Parameters
    ----------
    make_parts : callable
        From raw windows, shape (n, window, sensors), to the arrays a head takes.
    train_parts : mapping
        The same of the training windows.
    held_out : ndarray of shape (n, window, sensors), float32
        Raw held-out normal windows, in time order.
    """
    heads = {kind: fit_head(kind, train_parts) for kind in PARTS}
    rng = np.random.default_rng(0)
    held_out = held_out[-_WINDOWS:]
    normal = _scores(heads, make_parts(held_out), smoothing_span)
    center, scale = np.array(preprocessing.center), np.array(preprocessing.scale)
    windows = (held_out - center) / scale
    sensors = rng.permutation(len(center))[:_SENSORS]
    figures: dict[str, dict[str, list[float]]] = {kind: {fault: [] for fault in FAULTS} for kind in heads}
    for fault in FAULTS:
        for sensor in sensors:
            faulty = with_fault(fault, windows, sensor, rng) * scale + center
            scores = _scores(heads, make_parts(faulty.astype(np.float32)), smoothing_span)
            for kind in heads:
                figures[kind][fault].append(_roc_auc(normal[kind], scores[kind]))
    means = {kind: {fault: float(np.mean(values)) for fault, values in row.items()} for kind, row in figures.items()}
    chosen = _cheapest_of_the_best(means, heads)
    return HeadChoice(chosen, means), heads[chosen]


def _cheapest_of_the_best(roc_auc: Mapping[str, Mapping[str, float]], heads: Mapping[str, Head]) -> str:
    means = {kind: float(np.mean(list(row.values()))) for kind, row in roc_auc.items()}
    good = [kind for kind in means if means[kind] >= max(means.values()) - _TIE]
    return min(good, key=lambda kind: (needs_decoder(kind), heads[kind].whitening.size))


def _scores(heads: Mapping[str, Head], parts: Parts, span: int) -> dict[str, FloatArray]:
    return {kind: Smoother(span).update_many(head.score(parts)) for kind, head in heads.items()}


def _roc_auc(normal: FloatArray, faulty: FloatArray) -> float:
    labels = np.repeat([0, 1], [len(normal), len(faulty)])
    return float(roc_auc_score(labels, np.concatenate([normal, faulty])))
