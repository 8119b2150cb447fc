"""Everything in this process, one chunk after the other."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from saelite.fleet.executors.executor_base import Chunk, Done, Executor, Task, done_of


class InProcess(Executor):
    """Runs chunks where it is called. For few items, debuggers and notebooks; memory grows with each fit.

    Examples
    --------
    >>> [done.results for done in InProcess().run(lambda items: [2 * item for item in items], [(1, 2), (3,)])]
    [(2, 4), (6,)]
    """

    workers = 1
    name = "this process"

    def run(self, task: Task, chunks: Iterable[Chunk], at_once: int | None = None) -> Iterator[Done]:
        """Yield what became of each chunk; see `Executor.run`."""
        for items in chunks:
            with _interrupt_kept():
                done = done_of(task, items)
            yield done


@contextmanager
def _interrupt_kept() -> Iterator[None]:
    """Raise KeyboardInterrupt at the end too: training takes it as a wish to end early and keeps what it has."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupted:
        raise KeyboardInterrupt
