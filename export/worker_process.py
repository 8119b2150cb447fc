"""Graphs in processes of their own: a runtime may crash, and tflite_runtime cannot be loaded beside tensorflow.

Starting Python and loading a runtime takes ten times as long as running a graph. So a worker lives on after its job,
one for each runtime of each Python, and ends with this process; one that crashes is replaced for the next job.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import ModelFileError
from export import worker_loop
from export.installed import InstalledRuntime

_TIMEOUT_S = 300
# The runtimes say what is wrong in their last lines, and much before.
_QUOTED_LINES = 3
# Whatever a runtime does not give back ends with its process.
_MOST_JOBS = 1000


def run_worker(
    installed: InstalledRuntime, worker: ModuleType, flatbuffer: bytes, inputs: FloatArray, *arguments: str
) -> tuple[dict[str, FloatArray], list[str]]:
    """Return every output of a graph for every input, shape (n, …), by name; and the words that the worker returned.

    Threads take turns; a forked process has workers of its own.

    Parameters
    ----------
    worker : module
        ``runtime_worker`` or ``micro_worker``.
    arguments : str
        What the worker wants to know besides the files.

    Raises
    ------
    ModelFileError
        If the runtime refuses the graph, with its own message, crashes, or takes more than five minutes.
    """
    with tempfile.TemporaryDirectory() as folder:
        graph, entries, results = (Path(folder) / name for name in ("graph.tflite", "inputs.npy", "outputs.npz"))
        graph.write_bytes(flatbuffer)
        np.save(entries, inputs, allow_pickle=False)
        try:
            words = _workers.do(installed, worker, [*map(str, (graph, entries, results)), *arguments])
        except _JobError as error:
            raise ModelFileError(f"{installed.title} cannot run the exported graph: {error}") from error
        with np.load(results, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}, words


def close_workers() -> None:
    """End the workers of this process; the next job starts new ones."""
    _workers.close()


class _JobError(Exception):
    """A job that failed, with the last words of the runtime."""


class _Worker:
    """A process that does one job after another."""

    def __init__(self, python: str, worker: ModuleType) -> None:
        self._jobs, self._is_late = 0, False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the worker runs
        self._process = subprocess.Popen(
            [python, str(worker_loop.__file__), str(worker.__file__)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
        )  # fmt: skip

    @property
    def is_usable(self) -> bool:
        """Whether it runs, and has not yet done so many jobs that a new one is due."""
        return self._process.poll() is None and self._jobs < _MOST_JOBS

    def do(self, arguments: list[str]) -> list[str]:
        """Return the words of a job."""
        self._jobs += 1
        # The worker inherited the file with its position, so that it writes from the start again.
        self._errors.seek(0)
        self._errors.truncate()
        late = threading.Timer(_TIMEOUT_S, self._end_late)
        late.daemon = True
        late.start()
        try:
            answer = self._ask(arguments)
        except BaseException:
            # Interrupted: nobody would read the answer, and the next job must not take it for its own.
            self._process.kill()
            self._process.wait()
            raise
        finally:
            late.cancel()
        if "words" not in answer:
            raise _JobError("; ".join([*self._last_lines(), answer["error"]][-_QUOTED_LINES:]))
        return list(answer["words"])

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self.abandon()
        self._process.wait()

    def abandon(self) -> None:
        """Close this process's ends of the pipes."""
        for file in (self._process.stdin, self._process.stdout, self._errors):
            # What a worker that has crashed was not told in time cannot be flushed.
            with suppress(OSError):
                file.close()  # type: ignore[union-attr] # both are pipes

    def forget(self) -> None:
        """Leave the process to the parent of this forked one."""
        self.abandon()
        self._process.returncode = 0

    def _ask(self, arguments: list[str]) -> dict[str, Any]:
        to_worker, from_worker = self._process.stdin, self._process.stdout
        with suppress(BrokenPipeError):
            print(json.dumps(arguments), file=to_worker, flush=True)
        if answer := from_worker.readline():  # type: ignore[union-attr] # a pipe
            return dict(json.loads(answer))
        code = self._process.wait()
        return {"error": f"no answer within {_TIMEOUT_S:.0f} s" if self._is_late else f"exit code {code}"}

    def _end_late(self) -> None:
        self._is_late = True
        self._process.kill()

    def _last_lines(self) -> list[str]:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip().splitlines()


class _Workers:
    """The workers of this process, one for each runtime of each Python."""

    def __init__(self) -> None:
        self._running: dict[tuple[InstalledRuntime, str], _Worker] = {}
        self._lock = threading.Lock()

    def do(self, installed: InstalledRuntime, worker: ModuleType, arguments: list[str]) -> list[str]:
        """Return the words of a job, done by a worker that lives already, if there is one."""
        key = installed, str(worker.__file__)
        with self._lock:
            running = self._running.pop(key, None)
            if running is not None and not running.is_usable:
                running.close()
                running = None
            self._running[key] = running = running or _Worker(installed.python, worker)
            return running.do(arguments)

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            while self._running:
                self._running.popitem()[1].close()

    def after_fork(self) -> None:
        """Leave the workers to the parent: two processes at one pipe would take each other's answers."""
        for one in self._running.values():
            one.forget()
        self._running, self._lock = {}, threading.Lock()


_workers = _Workers()
atexit.register(_workers.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.after_fork)
