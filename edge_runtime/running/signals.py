"""The signals of a process that runs for long: end, and load the model again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType


def listen_to_signals(stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Call `stop` for SIGTERM and SIGINT, and `reload` for SIGHUP; nothing changes outside the main thread.

    A second request to end means: do not wait for what is still buffered. A handler that was there before may have kept
    a request that came during the start: it has the attribute ``was_asked``.
    """
    if threading.current_thread() is not threading.main_thread():
        return

    def stopping(number: int, _frame: FrameType | None) -> None:
        stop()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, stopping)
    if _was_asked(signal.signal(signal.SIGTERM, stopping)):
        stop()
    if hasattr(signal, "SIGHUP") and _was_asked(signal.signal(signal.SIGHUP, lambda _number, _frame: reload())):
        reload()


def _was_asked(before: object) -> bool:
    return bool(getattr(before, "was_asked", False))
