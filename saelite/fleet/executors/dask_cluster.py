"""A Dask cluster: one that runs already, or one on this machine.

Dask places the chunks, and places them again if it loses a machine. The work itself is done in a child process for each
thread of a Dask worker: whatever way the workers were started, tensorflow runs on one thread, its memory is given back,
and a fit that is killed does not take the worker along.
"""

from __future__ import annotations

import hashlib
import itertools
import pickle
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge_runtime.errors import SaeliteError, UsageError, missing_extra
from saelite.fleet.executors.child_process import ChildProcess
from saelite.fleet.executors.executor_base import Chunk, Done, Executor, Task
from saelite.fleet.executors.processes import RECYCLED_AFTER
from saelite.version import __version__

_LOCAL = "local:"
# Another cluster of this machine may have the usual port, and nobody else is to see this one.
_ANY_PORT = "127.0.0.1:0"
_WAIT_S = 60
# Chunks at the scheduler for each thread: enough for the next one to be there when one is done.
_AHEAD = 8
_COUNTED_EVERY_S = 5.0
_QUOTED = 300


class DaskCluster(Executor):
    """Runs chunks on a Dask cluster.

    Parameters
    ----------
    address : str
        The scheduler's, such as ``tcp://host:8786``; the path of a scheduler file (.json); or ``local:N`` for N
        workers on this machine.

    Raises
    ------
    MissingExtraError
        If Dask is not installed.
    UsageError
        If the address is none of these.
    SaeliteError
        If no scheduler answers, no worker comes within a minute, or a worker has another version of saelite.
    """

    def __init__(self, address: str) -> None:
        self._cluster: Any = None
        self._client = self._connected(address)
        try:
            self._check_workers(address)
        except BaseException:
            self.close()
            raise
        self._counted_s = float("-inf")
        self.workers = self._room() // _AHEAD
        self.name = f"Dask at {address}"

    def run(self, task: Task, chunks: Iterable[Chunk], at_once: int | None = None) -> Iterator[Done]:
        """Yield what became of each chunk; see `Executor.run`. Workers may join and leave meanwhile."""
        # A task of Dask's own, not scattered data: the scheduler can make it again if the workers that hold it go.
        sent = self._client.submit(_same, pickle.dumps(task), pure=False)
        waiting: dict[str, Chunk] = {}
        running = _distributed().as_completed(with_results=True, raise_errors=False)
        source = iter(chunks)

        def submit() -> None:
            for items in itertools.islice(source, max(0, (at_once or self._room()) - len(waiting))):
                future = self._client.submit(_run_chunk, sent, items, pure=False)
                waiting[future.key] = items
                running.add(future)

        submit()
        try:
            for future, result in running:
                done = _done(future, result, waiting.pop(future.key))
                submit()
                yield done
        finally:
            running.clear()

    def _room(self) -> int:
        """Return how many chunks may be with the scheduler; threads are counted again every few seconds."""
        now_s = time.monotonic()
        if now_s > self._counted_s + _COUNTED_EVERY_S:
            self.workers, self._counted_s = sum(self._client.nthreads().values()), now_s
        return _AHEAD * max(1, self.workers)

    def close(self) -> None:
        """Leave the cluster; end it if it was started here."""
        for one in (self._client, self._cluster):
            if one is not None:
                with suppress(OSError, TimeoutError):
                    one.close()

    def _connected(self, address: str) -> Any:
        distributed = _distributed()
        if address.startswith(_LOCAL):
            workers = _number(address)
            self._cluster = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=_ANY_PORT, memory_limit=0
            )
            return distributed.Client(self._cluster)
        if "://" not in address and not address.endswith(".json"):
            raise UsageError(
                "--cluster: expected a scheduler's address such as tcp://host:8786, the path of its scheduler file "
                f"(.json), or local:N. Received: {address!r}"
            )
        try:
            is_file = "://" not in address
            return distributed.Client(scheduler_file=str(Path(address))) if is_file else distributed.Client(address)
        except (OSError, TimeoutError, ValueError) as error:
            raise SaeliteError(
                f"no Dask scheduler answers at {address} ({error}). Start one with `dask scheduler`, or check the "
                "address."
            ) from error

    def _check_workers(self, address: str) -> None:
        try:
            self._client.wait_for_workers(1, timeout=_WAIT_S)
        except TimeoutError as error:
            raise SaeliteError(
                f"the cluster at {address} has no workers. Expected at least one within {_WAIT_S} s. "
                f"Start some: dask worker {address}"
            ) from error
        versions = set(self._client.run(_version).values())
        if versions != {__version__}:
            raise SaeliteError(
                f"workers at {address} have saelite {', '.join(sorted(versions))}; expected {__version__} as here. "
                "Install the same version on all machines."
            )


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise missing_extra("distributed", "fleet", "a Dask cluster") from error
    return distributed


def _number(address: str) -> int:
    text = address.removeprefix(_LOCAL)
    if not text.isdecimal() or not int(text):
        raise UsageError(f"--cluster: expected local:N with a number above 0. Received: {address!r}")
    return int(text)


def _done(future: Any, result: Any, items: Chunk) -> Done:
    """Return what became of a chunk: Dask itself fails one whose workers die again and again."""
    if future.status == "finished" and isinstance(result, Done):
        return result
    error = future.exception() if future.status == "error" else None
    return Done(items, None, f"Dask gave it up: {future.status if error is None else repr(error)[:_QUOTED]}")


def _same(task: bytes) -> bytes:
    return task


def _version() -> str:
    return __version__


_own = threading.local()


def _run_chunk(task: bytes, items: Chunk) -> Done:
    """Run a chunk in the child process of this thread of a Dask worker."""
    digest = hashlib.sha256(task).digest()
    child: ChildProcess | None = getattr(_own, "child", None)
    if child is not None and (not child.is_alive or child.items >= RECYCLED_AFTER):
        child.close()
        child = None
    if child is None:
        child, _own.digest = ChildProcess(), b""
        _own.child = child
    if _own.digest != digest:
        child.take(task)
        _own.digest = digest
    return child.run(items)
