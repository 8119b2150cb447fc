"""Results on their way to several sinks, and whether any sink took them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge_runtime.streaming.results import Results


class Delivery:
    """Results shared by several outlets.

    Parameters
    ----------
    results : Results
    outlets : int
        How many.
    lost : callable
        Called with the number of results if every outlet has settled and none took them.
    """

    __slots__ = ("_left", "_lock", "_lost", "_taken", "results")

    def __init__(self, results: Results, outlets: int, lost: Callable[[int], None]) -> None:
        self.results = results
        self._left, self._lost, self._taken, self._lock = outlets, lost, False, threading.Lock()

    def settle(self, *, taken: bool) -> None:
        """Note that one outlet is done with them."""
        with self._lock:
            self._left -= 1
            self._taken = self._taken or taken
            is_lost = not self._left and not self._taken
        if is_lost:
            self._lost(len(self.results))
