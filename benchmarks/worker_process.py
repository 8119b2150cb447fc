"""A contender's own process, seen from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from types import TracebackType
from typing import Any

from benchmarks.contenders import Contender
from edge_runtime.errors import SaeliteError
from edge_runtime.json_codec import to_json


class WorkerProcess:
    """Starts a contender, tells it when to run, and kills it in the end.

    Raises
    ------
    SaeliteError
        If it cannot be built; with its own last words.
    """

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        arguments = (json.dumps(to_json(contender)), json.dumps(cores(contender.threads)), str(time.monotonic_ns()))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=_environment(contender.threads),
        )  # fmt: skip
        self.start = self._answer()

    def round(self, seconds: float) -> dict[str, Any]:
        """Return the durations of the calls of so many seconds."""
        print(seconds, file=self._process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            _, errors = self._process.communicate()
            reason = (errors.strip().splitlines() or ["no reason given"])[-1]
            raise SaeliteError(f"{self.contender.title} could not be measured: {reason}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def cores(threads: int) -> list[int]:
    """Return the processor's cores to run on: the last ones, as interrupts tend to go to the first.

    >>> len(cores(1))
    1
    """
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    return allowed[-threads:]


def _environment(threads: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads)), "TF_NUM_INTEROP_THREADS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}  # fmt: skip
