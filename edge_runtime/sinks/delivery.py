"""Results on their way to several sinks, whether any sink took them, and what they wait for on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from edge_runtime.streaming.results import Results


class Hold:
    """What results wait for before they are announced, for a while."""

    def __init__(self, patience_s: float) -> None:
        self._opened, self._deadline_s = threading.Event(), time.monotonic() + patience_s

    def open(self) -> None:
        """Let the results pass."""
        self._opened.set()

    def wait(self) -> None:
        """Wait until it is opened, but never beyond the deadline that was set when it was made."""
        self._opened.wait(max(0.0, self._deadline_s - time.monotonic()))


class Delivery:
    """Results shared by several outlets.

    Parameters
    ----------
    results : Results
    outlets : int
        How many.
    lost : callable
        Called with the number of results if every outlet has settled and none took them.
    after : Hold, optional
        What every outlet waits for.
    opens : Hold, optional
        What is opened once they have settled.
    """

    __slots__ = ("_left", "_lock", "_lost", "_opens", "_taken", "after", "results")

    def __init__(
        self,
        results: Results,
        outlets: int,
        lost: Callable[[int], None],
        after: Hold | None = None,
        opens: Hold | None = None,
    ) -> None:
        self.results, self.after, self._opens = results, after, opens
        self._left, self._lost, self._taken, self._lock = outlets, lost, False, threading.Lock()

    def settle(self, *, taken: bool) -> None:
        """Note that one outlet is done with them."""
        with self._lock:
            self._left -= 1
            self._taken = self._taken or taken
            is_lost = not self._left and not self._taken
            is_settled = not self._left
        if is_lost:
            self._lost(len(self.results))
        if is_settled and self._opens is not None:
            self._opens.open()
