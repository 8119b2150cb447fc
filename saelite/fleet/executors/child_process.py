"""A process that works for this one, started so that its libraries use one thread."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import IO, Any

from saelite.fleet.executors.executor_base import Chunk, Done

# Read when the libraries are loaded, so they must be there before. A small network's step takes longer to share out
# among threads than to do, and there are as many processes as cores already. Nor does one thread need many row groups
# of a long history in memory before it gets there.
_PINNED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS",
           "POLARS_ROW_GROUP_PREFETCH_SIZE", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")  # fmt: skip
# What glibc moves its thresholds to by itself at most. With these from the start, a process keeps the arrays that each
# block of rows frees; given back to the system, they are faulted in again for the next one.
_KEEPING_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 26)}
_QUOTED = 300


def worker_environment() -> dict[str, str]:
    """Return the environment of a worker: one thread, freed memory kept, modules found as they are here."""
    return {**_KEEPING_MEMORY, **os.environ, **dict.fromkeys(_PINNED, "1"), "PYTHONPATH": os.pathsep.join(sys.path)}


class ChildProcess:
    """A process that runs a task on chunk after chunk, see `take`.

    Attributes
    ----------
    items : int
        Items it was given.
    """

    def __init__(self) -> None:
        self.items = 0
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "saelite.fleet.executors.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, env=worker_environment(),
        )  # fmt: skip

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def take(self, task: bytes) -> None:
        """Run another task from now on, a pickled one."""
        with suppress(OSError):  # a process that ended already is found so by the first chunk
            self._send(task)

    def run(self, items: Chunk) -> Done:
        """Return what became of a chunk; if the process ends before it is done, the reason."""
        self.items += len(items)
        try:
            self._send(pickle.dumps(items))
            answer: Any = pickle.load(self._stdout)  # noqa: S301 - from a process of our own
        except (OSError, EOFError, pickle.UnpicklingError):
            return Done(items, None, self._end())
        return answer if isinstance(answer, Done) else Done(items, None, "the worker process gave no answer")

    def kill(self) -> None:
        """End the process in the middle of its work; `run`, in another thread, says so."""
        self._process.kill()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    @property
    def _stdout(self) -> IO[bytes]:
        if self._process.stdout is None:
            raise EOFError
        return self._process.stdout

    def _send(self, content: bytes) -> None:
        if self._process.stdin is None:
            raise EOFError
        self._process.stdin.write(content)
        self._process.stdin.flush()

    def _end(self) -> str:
        """Return why the process ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        code = self._process.poll()
        if code is None:
            return "its worker process stopped answering"
        if code == -signal.SIGKILL:
            return "its worker process was killed (signal 9), as the kernel does when memory runs out"
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        with suppress(OSError):
            self._stderr.seek(0)
            lines = self._stderr.read().decode(errors="replace").strip().splitlines()
            return f"its worker process ended {how}" + (f": {lines[-1][:_QUOTED]}" if lines else "")
        return f"its worker process ended {how}"
