"""Latency of one call, contenders side by side: own processes, pinned, warmed up, rounds in turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from benchmarks.contenders import Contender
from benchmarks.result import Latency
from benchmarks.worker_process import WorkerProcess
from edge_runtime.json_codec import to_json

OnStep = Callable[[str], None]


def measure(
    contenders: Sequence[Contender], *, rounds: int = 6, round_s: float = 0.5, on_step: OnStep = lambda _: None
) -> list[Latency]:
    """Time every contender.

    Parameters
    ----------
    contenders : sequence of Contender
    rounds, round_s : int, float
        Each contender runs `round_s` seconds per round; in a round all run one after the other, so that a
        slow spell of the machine falls on all of them.
    """
    results: list[list[dict[str, Any]]] = [[] for _ in contenders]
    with ExitStack() as stack:
        workers = []
        for contender in contenders:
            on_step(f"starting {contender.title}")
            told = [json.dumps(to_json(contender))]
            worker = WorkerProcess(contender.title, "benchmarks.worker", told, contender.threads)
            workers.append(stack.enter_context(worker))
        for number in range(rounds):
            for worker, answers in zip(workers, results, strict=True):
                on_step(f"round {number + 1} of {rounds}: {worker.title}")
                answers.append(worker.round(round_s))
    return [
        _summary(contender, worker.start["cold_start_s"], answers)
        for contender, worker, answers in zip(contenders, workers, results, strict=True)
    ]


def ratio_interval(row: Latency, baseline: Latency, *, level: float = 0.95, draws: int = 2000) -> tuple[float, float]:
    """Return a bootstrap confidence interval of how many times as long as `baseline` a row takes, at the median.

    Rounds are drawn with replacement, the same ones for both, as both ran in the same spells.

    Returns
    -------
    tuple of float
        Lower and upper end; both are the ratio itself where there was one round.
    """
    ours, theirs = np.array(row.round_p50_us), np.array(baseline.round_p50_us)
    chosen = np.random.default_rng(0).integers(len(ours), size=(draws, len(ours)))
    ratios = np.median(ours[chosen], axis=1) / np.median(theirs[chosen], axis=1)
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _summary(contender: Contender, cold_start_s: float, rounds: Sequence[dict[str, Any]]) -> Latency:
    percentiles = np.median([entry["us"] for entry in rounds], axis=0)
    return Latency(
        contender,
        p50_us=float(percentiles[50]),
        p90_us=float(percentiles[90]),
        p99_us=float(percentiles[99]),
        mean_us=float(np.median([entry["mean_us"] for entry in rounds])),
        min_us=float(np.min([entry["us"][0] for entry in rounds])),
        calls=sum(entry["calls"] for entry in rounds),
        round_p50_us=tuple(entry["us"][50] for entry in rounds),
        cold_start_s=cold_start_s,
        resident_bytes=rounds[-1].get("resident", 0),
        peak_bytes=rounds[-1].get("peak", 0),
    )
