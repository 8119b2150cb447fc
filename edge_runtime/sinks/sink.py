"""What every sink is."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Protocol

from edge_runtime.common.counters import Counters
from edge_runtime.streaming.results import Results


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
    """Takes results, in a thread of its own.

    One that has a method ``health`` is also told how the stream is (see `edge_runtime.streaming.health.Health`).
    """

    name: str

    def write(self, results: Results) -> None:
        """Take some results and their events; what cannot be kept raises OSError."""

    def status(self, counters: Counters) -> None:
        """Take the counts; called about once a second, and at the end."""

    def close(self) -> None:
        """Send what is buffered, and let go."""


class EndOfOutput(Exception):  # noqa: N818 - the reader of a pipe went home: no error
    """Nobody reads the output any more."""
