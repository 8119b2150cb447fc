"""Results to a Python function of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_runtime.common.counters import Counters
from edge_runtime.streaming.health import Health
from edge_runtime.streaming.results import Results


class FunctionSink:
    """Calls a function with every `StreamResult`, and with every alarm event after the result it came with.

    Events of the stream's health (see `edge_runtime.streaming.health`) go to it as well.

    Parameters
    ----------
    name : str
    function : callable
    """

    def __init__(self, name: str, function: Callable[[Any], Any]) -> None:
        self.name, self._function = name, function

    def write(self, results: Results) -> None:
        """See `Sink.write`."""
        told: list[Any] = list(results)
        for row, event in reversed(list(zip(results.event_rows, results.events, strict=True))):
            told.insert(row + 1, event)
        for one in told:
            self._function(one)

    def health(self, health: Health) -> None:
        """Call the function with what has changed in the stream's health."""
        for event in health.events:
            self._function(event)

    def status(self, counters: Counters) -> None:
        """See `Sink.status`; the function gets results and events alone."""

    def close(self) -> None:
        """See `Sink.close`."""
