"""Latency of one call, contenders side by side: own processes, warmed up, rounds in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from benchmarks.contenders import CONTENDERS, Contender
from edge_runtime.errors import SaeliteError

OnStep = Callable[[str], None]


@dataclass(frozen=True)
class Latency:
    """Durations of one call, in microseconds: medians over rounds.

    Parameters
    ----------
    contender : Contender
    calls : int
        Over all rounds.
    """

    contender: Contender
    p50_us: float
    p90_us: float
    p99_us: float
    mean_us: float
    min_us: float
    calls: int


def measure(
    model: Path, run: Path | None = None, *, rounds: int = 5, round_s: float = 0.4, on_step: OnStep = lambda _: None
) -> list[Latency]:
    """Time every contender that can be built.

    Parameters
    ----------
    model : Path
        Model file.
    run : Path, optional
        Run folder with the full model; without it only the device's rows are measured.
    rounds, round_s : int, float
        Each contender runs `round_s` seconds per round; in a round all run one after the other, so that a
        slow spell of the machine falls on all of them.
    """
    contenders = [contender for contender in CONTENDERS.values() if run is not None or not contender.needs_run]
    results: dict[str, list[dict[str, object]]] = {contender.key: [] for contender in contenders}
    workers = []
    try:
        for contender in contenders:
            on_step(f"starting {contender.title}")
            workers.append(_Worker(contender, model, run))
        for number in range(rounds):
            for worker in workers:
                on_step(f"round {number + 1} of {rounds}: {worker.contender.title}")
                results[worker.contender.key].append(worker.round(round_s))
    finally:
        for worker in workers:
            worker.close()
    return [_summary(contender, results[contender.key]) for contender in contenders]


class _Worker:
    def __init__(self, contender: Contender, model: Path, run: Path | None) -> None:
        self.contender = contender
        command = [sys.executable, "-m", "benchmarks.worker", contender.key, str(model), str(run or "")]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_one_thread()
        )
        self._answer()

    def round(self, seconds: float) -> dict[str, object]:
        print(seconds, file=self._process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> _Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self) -> dict[str, object]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            _, errors = self._process.communicate()
            reason = (errors.strip().splitlines() or ["no reason given"])[-1]
            raise SaeliteError(f"{self.contender.title} could not be measured: {reason}")
        answer: dict[str, object] = json.loads(line)
        return answer


def _one_thread() -> dict[str, str]:
    limits = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    return {**os.environ, **limits, "TF_CPP_MIN_LOG_LEVEL": "3"}


def _summary(contender: Contender, rounds: Sequence[dict[str, object]]) -> Latency:
    percentiles = np.median([entry["us"] for entry in rounds], axis=0)  # type: ignore[arg-type]
    return Latency(
        contender,
        p50_us=float(percentiles[50]),
        p90_us=float(percentiles[90]),
        p99_us=float(percentiles[99]),
        mean_us=float(np.median([entry["mean_us"] for entry in rounds])),
        min_us=float(np.min([entry["us"][0] for entry in rounds])),  # type: ignore[index]
        calls=sum(int(entry["calls"]) for entry in rounds),  # type: ignore[call-overload]
    )
