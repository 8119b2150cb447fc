"""A process that measures one thing, seen from outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_runtime.errors import SaeliteError

_LOOK_S = 0.3


class WorkerProcess:
    """Starts a worker module, tells it when to run, and kills it in the end.

    Parameters
    ----------
    title : str
        Name for people.
    module : str
        Run with ``python -m``; prints a line of JSON when it is ready, then one for each line it reads.
    arguments : sequence of str
        After them come the cores to run on, as JSON, and when the process was started, by the monotonic clock in ns.
    threads : int

    Raises
    ------
    SaeliteError
        If it does not come up; with its own last words.
    """

    def __init__(self, title: str, module: str, arguments: Sequence[str], threads: int = 1) -> None:
        self.title = title
        told = (*arguments, json.dumps(cores(threads)), str(time.monotonic_ns()))
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *told], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=_environment(threads),
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
            raise SaeliteError(f"{self.title} could not be measured: {reason}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def cores(threads: int) -> list[int]:
    """Return the processor's cores to run on: those with least to do when this was first asked.

    >>> len(cores(1))
    1
    """
    return list(_idlest_first()[:threads])


@cache
def _idlest_first() -> tuple[int, ...]:
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    before = _idle_ticks()
    time.sleep(_LOOK_S)
    after = _idle_ticks()
    return tuple(sorted(allowed, key=lambda core: before.get(core, 0) - after.get(core, 0)))


def _idle_ticks() -> dict[int, int]:
    """Return how long each core has been idle, in the kernel's ticks; nothing where Linux is not."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines if re.match(r"cpu\d", line))
    return {int(words[0].removeprefix("cpu")): int(words[4]) for words in fields}


def _environment(threads: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads)), "TF_NUM_INTEROP_THREADS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}  # fmt: skip
