"""What every sink is, and several of them as one."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge_runtime.errors import OutputError
from edge_runtime.streaming.results import Counters, Notices, Results


@dataclass(frozen=True)
class StreamInfo:
    """What a sink may want to know of the stream.

    Parameters
    ----------
    name : str
        Of the model.
    sensors : tuple of str
    threshold : float
        The model file's.
    drift_limit : float
        Infinite where there is none.
    host : str
        Of the machine that watches.
    """

    name: str
    sensors: tuple[str, ...]
    threshold: float
    drift_limit: float
    host: str = field(default_factory=socket.gethostname)


class Sink(Protocol):
    """Takes results."""

    name: str

    def write(self, results: Results) -> None:
        """Take some results and their events; what cannot be kept raises OSError."""

    def status(self, counters: Counters) -> None:
        """Take the counts; called about once a second, and at the end."""

    def close(self) -> None:
        """Send what is buffered, and let go."""


class EndOfOutput(Exception):  # noqa: N818 - the reader of a pipe went home: no error
    """Nobody reads the output any more."""


class Sinks:
    """Several sinks as one; a sink that fails is told once and counted, and the others go on.

    Attributes
    ----------
    undelivered : int
        Results that a sink did not take; one that no sink took counts for each.
    """

    def __init__(self, sinks: Sequence[Sink], notices: Notices) -> None:
        self._sinks, self._notices = tuple(sinks), notices
        self.undelivered = 0
        self._taken_by_none = 0

    def write(self, results: Results) -> None:
        """Hand results to every sink.

        Raises
        ------
        EndOfOutput
            If the reader of standard output is gone.
        """
        failed = 0
        for sink in self._sinks:
            try:
                sink.write(results)
            except Exception as error:  # noqa: BLE001 - whatever a user's function raises, the stream outlives it
                self._failed(sink, error)
                failed += 1
        self.undelivered += failed * len(results)
        if failed == len(self._sinks):
            self._taken_by_none += len(results)

    def raise_lost(self) -> None:
        """Raise if there are results nobody has.

        Raises
        ------
        OutputError
            If no sink took some of the results.
        """
        if self._taken_by_none:
            raise OutputError(
                f"{self._taken_by_none} results were taken by no sink, or in part. Expected at least one that takes "
                f"them: {', '.join(sink.name for sink in self._sinks)}. Why each does not was told when it failed."
            )

    def status(self, counters: Counters) -> None:
        """Hand the counts to every sink."""
        for sink in self._sinks:
            try:
                sink.status(counters)
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(sink, error)

    def close(self) -> None:
        """Close every sink."""
        for sink in self._sinks:
            try:
                sink.close()
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(sink, error)

    def _failed(self, sink: Sink, error: Exception) -> None:
        if isinstance(error, EndOfOutput):
            raise error
        self._notices.once(
            f"sink {sink.name}", f"{sink.name} does not take results ({type(error).__name__}: {error}); going on"
        )
