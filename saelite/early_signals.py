"""Signals that come while a program still starts, when the system would kill it for them.

Imports nothing but the standard library: it has to be ready before everything else is loaded.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Early:
    """A handler until there is a better one: the end ends the start, another request is kept.

    Parameters
    ----------
    ends : bool
        Whether the signal asks for the end.

    Attributes
    ----------
    was_asked : bool
        Whether the signal came; `edge_runtime.running.signals` looks at it as it takes over.
    """

    def __init__(self, *, ends: bool) -> None:
        self._ends, self.was_asked = ends, False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        self.was_asked = True
        if self._ends:
            # Nothing is read yet, so there is nothing to finish. On the way out everything opened is closed.
            # Code in C may drop the exception and print it: then whoever takes over ends the program, without an error.
            sys.unraisablehook = lambda _: None
            raise SystemExit(0)


@contextmanager
def signals_held() -> Iterator[None]:
    """Let SIGTERM end the program in order, and SIGHUP wait until it can be answered.

    Where a class is just being made, or a module loaded, the end becomes another error on its way out; it is the end
    all the same.
    """
    end = Early(ends=True)
    signal.signal(signal.SIGTERM, end)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, Early(ends=False))
    try:
        yield
    except BaseException:
        if end.was_asked:
            raise SystemExit(0) from None
        raise
