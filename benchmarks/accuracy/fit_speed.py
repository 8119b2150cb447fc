"""ADBench's sets learnt by saelite and by PyOD's autoencoder: one process, one thread each, without import time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.accuracy.adbench import Split
from benchmarks.accuracy.fits import Fit, Fits
from benchmarks.accuracy.real_path import DEFAULTS, opened
from edge_runtime.errors import missing_extra
from edge_runtime.inference.detector import Detector
from training.pipeline import train
from training.trained_run import TrainedRun

T = TypeVar("T")


def fits(found: Iterable[Split], on_step: Callable[[str], None] = lambda _: None) -> Fits:
    """Learn every set with both, after one unmeasured fit of each that triggers lazy imports.

    Raises
    ------
    MissingExtraError
        If PyOD or torch is not installed.
    """
    _one_thread()
    splits = list(found)
    _ours(splits[-1])
    _pyod(splits[-1])
    learnt = []
    for split in splits:
        on_step(split.name)
        learnt.append((_timed(_ours, split), _timed(_pyod, split)))
    results = []
    for split, ((trained, ours_s), (model, pyod_s)) in zip(splits, learnt, strict=True):
        # Separate from the timing, because it changes the state of caches and memory.
        on_step(f"{split.name}, scores")
        ours = _roc_auc(split, opened(trained, ("int8",))["int8"])
        theirs = float(roc_auc_score(split.labels, model.decision_function(split.rows.astype(np.float64))))
        results.append(Fit(split.name, len(split.normal.values), ours_s, pyod_s, ours, theirs))
    return Fits(tuple(results))


def _timed(fit: Callable[[Split], T], split: Split) -> tuple[T, float]:
    # With one thread, CPU time equals the elapsed time on an idle machine; other work does not count.
    start = time.process_time()
    fitted = fit(split)
    return fitted, time.process_time() - start


def _roc_auc(split: Split, detector: Detector) -> float:
    chosen = [split.normal.sensors.index(name) for name in detector.sensor_names]
    return float(roc_auc_score(split.labels, detector.score_many(split.rows[:, None, chosen])))


def _ours(split: Split) -> TrainedRun:
    return train(split.normal, DEFAULTS)


def _pyod(split: Split) -> Any:
    try:
        from pyod.models.auto_encoder import AutoEncoder
    except ImportError as error:
        raise missing_extra("pyod", "peers", "comparing fit times") from error
    model = AutoEncoder(verbose=0, random_state=0)
    model.fit(split.normal.values.astype(np.float64))
    return model


def _one_thread() -> None:
    import tensorflow as tf

    try:
        import torch
    except ImportError as error:
        raise missing_extra("torch", "peers", "comparing fit times") from error
    torch.set_num_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
