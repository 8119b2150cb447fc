"""Processes on this machine, one for each core."""

from __future__ import annotations

import os
import pickle
import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress

from saelite.fleet.executors.child_process import ChildProcess
from saelite.fleet.executors.executor_base import Chunk, Done, Executor, Task

# tensorflow keeps 0.35 to 0.66 MB of each fit.
RECYCLED_AFTER = 200


class Processes(Executor):
    """Runs chunks in processes of this machine. A process that is killed costs its chunk, and is replaced.

    Loading libraries takes as long as several assets, so processes that are left over work for the next task.

    Parameters
    ----------
    workers : int, optional
        Number of processes; by default one for each core that this process may use.
    recycled_after : int
        Items after which a process is replaced by a new one, so that memory stays flat.
    """

    def __init__(self, workers: int | None = None, recycled_after: int = RECYCLED_AFTER) -> None:
        self.workers = workers or cores()
        self.name = f"{self.workers} {'process' if self.workers == 1 else 'processes'}"
        self._recycled_after = recycled_after
        self._idle: list[ChildProcess] = []

    def run(self, task: Task, chunks: Iterable[Chunk], at_once: int | None = None) -> Iterator[Done]:
        """Yield what became of each chunk; see `Executor.run`."""
        workers = min(self.workers, at_once or self.workers)
        self._leave_at_most(workers)
        yield from _Crew(pickle.dumps(task), iter(chunks), self._recycled_after, self._idle).run(workers)

    def close(self) -> None:
        """End the processes that are left over."""
        self._leave_at_most(0)

    def _leave_at_most(self, count: int) -> None:
        while len(self._idle) > count:
            self._idle.pop().close()


class _Crew:
    """Threads that each keep one process busy."""

    def __init__(self, task: bytes, chunks: Iterator[Chunk], recycled_after: int, idle: list[ChildProcess]) -> None:
        self._task, self._chunks, self._recycled_after, self._idle = task, chunks, recycled_after, idle
        self._lock = threading.Lock()
        self._is_over = False
        self._children: set[ChildProcess] = set()

    def run(self, workers: int) -> Iterator[Done]:
        finished: queue.Queue[Done | BaseException | None] = queue.Queue(2 * workers)
        threads = [threading.Thread(target=self._work, args=(finished,), daemon=True) for _ in range(workers)]
        for thread in threads:
            thread.start()
        try:
            yield from _until_all_ended(finished, workers)
        finally:
            self._stop()
            _drain(finished, threads)

    def _work(self, finished: queue.Queue[Done | BaseException | None]) -> None:
        child: ChildProcess | None = None
        try:
            while (items := self._next()) is not None:
                child = child or self._started()
                done = child.run(items)
                if done.results is None or child.items >= self._recycled_after:
                    self._end(child)
                    child = None
                finished.put(done)
        except BaseException as error:  # noqa: BLE001 - raised again where the results are taken
            finished.put(error)
        finally:
            if child is not None:
                self._leave(child)
            finished.put(None)

    def _next(self) -> Chunk | None:
        with self._lock:
            return None if self._is_over else next(self._chunks, None)

    def _started(self) -> ChildProcess:
        with self._lock:
            child = self._idle.pop() if self._idle else ChildProcess()
            self._children.add(child)
            is_over = self._is_over
        if is_over:
            child.close()
        child.take(self._task)
        return child

    def _leave(self, child: ChildProcess) -> None:
        """Keep a process that has nothing left to do for the next task; end it if it may be in the middle of this."""
        with self._lock:
            is_over = self._is_over
            if not is_over:
                self._children.discard(child)
                self._idle.append(child)
        if is_over:
            self._end(child)

    def _end(self, child: ChildProcess) -> None:
        with self._lock:
            self._children.discard(child)
        child.close()

    def _stop(self) -> None:
        with self._lock:
            self._is_over = True
            children = list(self._children)
        for child in children:
            child.kill()


def _until_all_ended(finished: queue.Queue[Done | BaseException | None], workers: int) -> Iterator[Done]:
    while workers:
        one = finished.get()
        if isinstance(one, BaseException):
            raise one
        if one is None:
            workers -= 1
        else:
            yield one


def _drain(finished: queue.Queue[Done | BaseException | None], threads: list[threading.Thread]) -> None:
    """Wait for threads that may be waiting for room."""
    while any(thread.is_alive() for thread in threads):
        with suppress(queue.Empty):
            finished.get(timeout=0.05)


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
