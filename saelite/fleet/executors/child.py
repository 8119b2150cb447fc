"""The process that works for `saelite.fleet.executors.child_process`: pickles in on standard input, results out.

    python -m saelite.fleet.executors.child

A task is for all chunks until the next task. The process ends when standard input does, also in the middle of a chunk:
nobody would take the results.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import signal
import sys
import threading
from typing import IO, Any

from saelite.fleet.executors.executor_base import done_of

# Between two searches for garbage: at the usual 700 they take a seventh of the time that tensorflow takes to load.
_OBJECTS = 100_000


def main() -> None:
    """Take a task, then chunk after chunk, or another task."""
    gc.set_threshold(_OBJECTS, 50, 100)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the parent decides.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between the answers
    asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(os.fdopen(os.dup(0), "rb"), asked), daemon=True).start()
    task: Any = None
    while True:
        if callable(given := asked.get()):
            task = given
            continue
        pickle.dump(done_of(task, given), answers)
        answers.flush()


def _read(source: IO[bytes], asked: queue.SimpleQueue[Any]) -> None:
    try:
        while True:
            asked.put(pickle.load(source))  # noqa: S301 - from the process that started this one
    except EOFError:
        os._exit(0)
    except Exception as error:  # noqa: BLE001 - a task that cannot be imported ends the process, with its reason
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
