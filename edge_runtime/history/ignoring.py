"""The sensors that somebody said to ignore, as a running stream sees them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from edge_runtime.errors import HistoryError
from edge_runtime.history.history import History
from edge_runtime.streaming.results import time_text


class Ignoring:
    """Follows a history's marks, whoever makes them; a disk that hangs leaves the last that were known.

    Parameters
    ----------
    history : History
    machine : str
    tell : callable
        Called with one line for each sensor that is ignored from now on, or counts again.
    """

    def __init__(self, history: History, machine: str, tell: Callable[[str], None]) -> None:
        self._history, self._machine, self._tell = history, machine, tell
        self._version: tuple[int, int] | None = None
        self._spans: dict[str, tuple[float, float]] = {}
        self._told: dict[str, float] = {}

    def look(self) -> None:
        """Read what others may have marked; may wait for the disk."""
        with suppress(HistoryError):
            version = self._history.marks_version()
            if version != self._version:
                self._spans, self._version = self._history.ignored_spans(self._machine), version
        self._tell_of_changes()

    def now(self) -> frozenset[str]:
        """Return the sensors that are ignored now; never waits."""
        now_s = time.time()
        return frozenset(sensor for sensor, (from_s, until_s) in self._spans.items() if from_s <= now_s < until_s)

    def _tell_of_changes(self) -> None:
        now = {sensor: self._spans[sensor][1] for sensor in self.now()}
        for sensor, until_s in now.items():
            if self._told.get(sensor) != until_s:
                self._tell(
                    f"{self._machine}: sensor {sensor!r} is ignored until {time_text(until_s)}: no alarm starts "
                    "while it is the most to blame"
                )
        for sensor in self._told.keys() - now.keys():
            self._tell(f"{self._machine}: sensor {sensor!r} counts again")
        self._told = now
