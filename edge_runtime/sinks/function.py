"""Results to the user's own Python function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_runtime.common.counters import Counters
from edge_runtime.streaming.health import Health
from edge_runtime.streaming.results import Results


class FunctionSink:
    """Calls a function with every `StreamResult`, and with every alarm event after its result.

    It also receives the stream's health events (see `edge_runtime.streaming.health`).

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
        """Call the function with the changes in the stream's health."""
        for event in health.events:
            self._function(event)

    def status(self, counters: Counters) -> None:
        """See `Sink.status`; the function gets only results and events."""

    def close(self) -> None:
        """See `Sink.close`."""
