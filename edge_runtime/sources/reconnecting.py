"""A source that is reopened after a loss, with growing pauses, for as long as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable

from edge_runtime.errors import SaeliteError
from edge_runtime.signal.readings import Readings, no_readings
from edge_runtime.sources.source import Source, SourceLost

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


class Reconnecting:
    """Wraps a source that may be lost.

    Parameters
    ----------
    name : str
    open_source : callable
        Opens the source; called again after each loss.
    sensors : int
    tell : callable
        Called with a one-line message when something happens.
    first_pause_s : float
        Pause before the first retry; it doubles up to 30 s and is reset once readings arrive.
    connects_later : bool
        Whether an opened source has yet to connect: it is back with its first reading, not before.

    Attributes
    ----------
    reconnects : int
        Number of times the source was reopened.
    """

    def __init__(  # noqa: PLR0913 - what to open, and how to go about it
        self,
        name: str,
        open_source: Callable[[], Source],
        sensors: int,
        tell: Callable[[str], None],
        first_pause_s: float = _FIRST_PAUSE_S,
        *,
        connects_later: bool = False,
    ) -> None:
        self.name, self.reconnects = name, 0
        self._connects_later, self._is_back = connects_later, True
        self._open, self._sensors, self._tell = open_source, sensors, tell
        self._first_pause_s = self._pause_s = first_pause_s
        # At the start, a wrong name or a missing package must be reported at once.
        self._source: Source | None = open_source()
        self._again_s = 0.0
        self.is_live = self._source.is_live
        self.patience_s = self._source.patience_s

    def poll(self, timeout_s: float) -> Readings | None:
        """See `Source.poll`; while the source is away there are no readings."""
        if self._source is None:
            wait_s = self._again_s - time.monotonic()
            if wait_s > 0:
                time.sleep(min(wait_s, timeout_s))
                return no_readings(self._sensors)
            self._reopen()
        try:
            readings = None if self._source is None else self._source.poll(timeout_s)
        except SourceLost as error:
            self._lose(error)
            return no_readings(self._sensors)
        if self._source is None:
            return no_readings(self._sensors)
        if readings:
            self._pause_s = self._first_pause_s
            self._welcome()
        return readings

    def stop(self) -> None:
        """See `Source.stop`."""
        if self._source is not None:
            self._source.stop()

    def close(self) -> None:
        """See `Source.close`."""
        if self._source is not None:
            self._source.close()

    def _reopen(self) -> None:
        try:
            self._source = self._open()
        except (SourceLost, SaeliteError) as error:
            self._wait(error)
            return
        self._is_back = False
        if not self._connects_later:
            self._welcome()

    def _welcome(self) -> None:
        if not self._is_back:
            self._is_back = True
            self.reconnects += 1
            self._tell(f"{self.name} is back")

    def _lose(self, error: Exception) -> None:
        self.close()
        self._source = None
        self._wait(error)

    def _wait(self, error: Exception) -> None:
        if self._pause_s == self._first_pause_s:
            self._tell(f"{self.name} is lost ({error}); retrying")
        self._again_s = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
