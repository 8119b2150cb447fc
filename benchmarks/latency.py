"""Latency of one call, contenders side by side: own processes, pinned, warmed up, rounds in turn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.benchmark_result import Failure, Latency
from benchmarks.contenders import Contender
from benchmarks.rounds import OnStep, Taken, Turns, take_turns
from benchmarks.worker_process import Job
from edge_runtime.model_file.json_codec import to_json


def measure(
    contenders: Sequence[Contender], turns: Turns, on_step: OnStep = lambda _: None
) -> tuple[list[Latency], list[Failure]]:
    """Time every contender; return the results, and the reasons of those that could not be measured."""
    jobs = [Job(it.title, "benchmarks.worker", (json.dumps(to_json(it)),), it.threads) for it in contenders]
    both = list(zip(contenders, take_turns(jobs, turns, on_step), strict=True))
    rows = [_summary(contender, taken) for contender, taken in both if not taken.failure]
    return rows, [_failure(contender, taken.failure) for contender, taken in both if taken.failure]


def ratio_interval(row: Latency, baseline: Latency, *, level: float = 0.95, draws: int = 2000) -> tuple[float, float]:
    """Return a bootstrap confidence interval of how many times as long as `baseline` a row takes, at the median.

    Rounds of either are drawn with replacement. Which of them count is not the same for both, so they make no pairs.

    Returns
    -------
    tuple of float
        Lower and upper end; both equal the ratio if there was only one round.
    """
    ratios = _drawn_medians(row, draws) / _drawn_medians(baseline, draws)
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _drawn_medians(row: Latency, draws: int) -> npt.NDArray[np.float64]:
    # From the same seed for each row: a row is exactly once as slow as itself.
    medians = np.array(row.round_p50_us)
    chosen = np.random.default_rng(0).integers(len(medians), size=(draws, len(medians)))
    drawn: npt.NDArray[np.float64] = np.median(medians[chosen], axis=1)
    return drawn


def _failure(contender: Contender, reason: str) -> Failure:
    """Return it without the names of this machine's folders: a benchmark may be published."""
    for path in filter(None, (contender.path, contender.accelerator.partition(";")[0])):
        reason = reason.replace(path, Path(path).name)
    several = f", batch {contender.batch}, threads {contender.threads}"
    return Failure(contender.title + (several if max(contender.batch, contender.threads) > 1 else ""), reason)


def _summary(contender: Contender, taken: Taken) -> Latency:
    us = np.concatenate([one.durations_ns for one in taken.rounds]) / 1e3
    p50, p90, p99 = np.percentile(us, [50, 90, 99]).tolist()
    return Latency(
        contender,
        p50_us=p50,
        p90_us=p90,
        p99_us=p99,
        mean_us=float(us.mean()),
        min_us=float(us.min()),
        calls=len(us),
        round_p50_us=tuple(float(np.median(one.durations_ns)) / 1e3 for one in taken.rounds),
        n_rounds=taken.n_rounds,
        cold_start_s=taken.start["cold_start_s"],
        resident_bytes=int(taken.start.get("resident", 0)),
        peak_bytes=int(taken.start.get("peak", 0)),
    )
