"""A process that measures one thing, seen from outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_runtime.errors import SaeliteError

_LOOK_S = 0.3
_ERROR = re.compile(r"^[\w.]+(?:Error|Exception|Interrupt|Exit)\b(?:: )?", re.MULTILINE)


class WorkerFailedError(SaeliteError):
    """A worker did not come up, or ended early.

    Parameters
    ----------
    title : str
        The worker's.
    reason : str
        Its own last words.
    """

    def __init__(self, title: str, reason: str) -> None:
        super().__init__(f"{title} could not be measured: {reason}")
        self.reason = reason


@dataclass(frozen=True)
class Job:
    """What a worker is to do.

    Parameters
    ----------
    title : str
        Display name.
    module : str
        Run with ``python -m``; prints a line of JSON when it is ready, then one for each line it reads.
    arguments : tuple of str
        After them come the cores to run on, as JSON, and when the process was started, by the monotonic clock in ns.
    threads : int
    """

    title: str
    module: str
    arguments: tuple[str, ...]
    threads: int = 1


class WorkerProcess:
    """Starts a worker module, tells it when to run, and kills it in the end.

    Raises
    ------
    WorkerFailedError
        If it does not come up.
    """

    def __init__(self, job: Job) -> None:
        self.title = job.title
        told = (*job.arguments, json.dumps(cores(job.threads)), str(time.monotonic_ns()))
        self._process = subprocess.Popen(
            [sys.executable, "-m", job.module, *told], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=_environment(job.threads),
        )  # fmt: skip
        self.start = self._answer()

    def ask(self, **told: float) -> dict[str, Any]:
        """Tell the worker something and return its answer; raise WorkerFailedError if it has ended."""
        with suppress(BrokenPipeError):  # if it has ended, its last output says why
            print(json.dumps(told), file=self._process.stdin, flush=True)
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
            raise WorkerFailedError(self.title, self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        """Return the text of the error that ended the process, or how it ended."""
        _, errors = self._process.communicate()
        if _ERROR.search(errors):
            return " ".join(_ERROR.split(errors)[-1].split())
        return f"it ended with exit code {self._process.returncode} without a message"


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
