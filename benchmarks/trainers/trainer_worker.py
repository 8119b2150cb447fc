"""One way to fit in a process of its own: ``trainer_worker CONTENDER ADBENCH CORES STARTED_NS``.

Prints the names of the recordings, then for each line of JSON, ``{"place": …, "seed": …, "exported": …}``, what fitting
that recording took and how good it was.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.accuracy.outcome import roc_auc
from benchmarks.accuracy.real_path import DEFAULTS, opened, relative_scores, with_seed
from benchmarks.quantization_loss import CHOSEN, LossTask, adbench_groups, groups
from benchmarks.trainers.fit_contenders import FITS
from benchmarks.worker import say
from edge_runtime.inference.detector import Detector
from training import pipeline
from training.trainer import Epoch


def main(contender: str, adbench: str) -> None:
    """Fit the recordings asked for until standard input ends."""
    found = [*groups(None), *(adbench_groups(Path(adbench)) if adbench else ())]
    say({"names": [group.name for group in found]})
    for line in sys.stdin:
        told = json.loads(line)
        say(_fitted(contender, found[told["place"]].tasks[0], told["seed"], exported=told["exported"]))


def _fitted(contender: str, task: LossTask, seed: int, *, exported: bool) -> dict[str, Any]:
    timed = _Timed(contender)
    with patch.object(pipeline, "fit", timed):
        run = pipeline.train(task.normal, with_seed(seed, DEFAULTS))
    return {
        "cpu_s": timed.cpu_s,
        "windows": timed.windows,
        "epochs": len(run.history),
        "validation_loss": min(epoch.validation_loss for epoch in run.history),
        "roc_auc": _roc_auc(opened(run, (CHOSEN,))[CHOSEN], task) if exported else None,
    }


class _Timed:
    """A contender in place of the product's `fit`, with the processor time it takes."""

    def __init__(self, contender: str) -> None:
        self._fit, self.cpu_s, self.windows = FITS[contender], 0.0, 0

    def __call__(self, model: Any, train: Any, *rest: Any) -> list[Epoch]:
        self.windows = len(train)
        # Of the user and the system, in all threads: other work on the machine does not count in.
        before = time.process_time()
        history = self._fit(model, train, *rest)
        self.cpu_s = time.process_time() - before
        return history


def _roc_auc(detector: Detector, task: LossTask) -> float | None:
    scores = np.concatenate([relative_scores(detector, one) for one in task.scored])
    labels = np.concatenate(
        [np.zeros(len(one.values), bool) if one.labels is None else one.labels for one in task.scored]
    )
    ends = np.isfinite(scores)
    return roc_auc(labels[ends], scores[ends])


if __name__ == "__main__":
    main(*sys.argv[1:3])
