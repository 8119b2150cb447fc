"""Time to learn ADBench's sets beside PyOD's autoencoder: one process, one thread each, without import time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.adbench import RECIPE, Split
from edge_runtime.errors import missing_extra
from training.pipeline import train


@dataclass(frozen=True)
class FitTime:
    """Processor seconds to learn one set."""

    name: str
    rows: int
    ours_s: float
    pyod_s: float


def fit_times(found: Iterable[Split], on_step: Callable[[str], None] = lambda _: None) -> list[FitTime]:
    """Return both times for every set, after one unmeasured fit of each that loads what is loaded lazily.

    Raises
    ------
    MissingExtraError
        If PyOD or torch is not installed.
    """
    _one_thread()
    contenders = (_ours, _pyod)
    splits = list(found)
    for fit in contenders:
        fit(splits[-1])
    results = []
    for split in splits:
        on_step(split.name)
        seconds = [_timed(fit, split) for fit in contenders]
        results.append(FitTime(split.name, len(split.normal.values), *seconds))
    return results


def table(results: list[FitTime]) -> list[tuple[str, ...]]:
    """Return one row per set, and the sum."""
    total = FitTime(
        "sum",
        sum(row.rows for row in results),
        sum(row.ours_s for row in results),
        sum(row.pyod_s for row in results),
    )
    header = ("set", "rows", "saelite s", "PyOD AutoEncoder s", "ratio")
    return [
        header,
        *(
            (row.name, str(row.rows), f"{row.ours_s:.2f}", f"{row.pyod_s:.2f}", f"{row.ours_s / row.pyod_s:.2f}")
            for row in (*results, total)
        ),
    ]


def _timed(fit: Callable[[Split], None], split: Split) -> float:
    # With one thread the processor's time is the time it takes on an idle machine; other work does not count in.
    start = time.process_time()
    fit(split)
    return time.process_time() - start


def _ours(split: Split) -> None:
    train(split.normal, RECIPE.with_head("deep").settings)


def _pyod(split: Split) -> None:
    try:
        from pyod.models.auto_encoder import AutoEncoder
    except ImportError as error:
        raise missing_extra("pyod", "peers", "comparing fit times") from error
    AutoEncoder(verbose=0, random_state=0).fit(split.normal.values.astype(np.float64))


def _one_thread() -> None:
    import tensorflow as tf

    try:
        import torch
    except ImportError as error:
        raise missing_extra("torch", "peers", "comparing fit times") from error
    torch.set_num_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
