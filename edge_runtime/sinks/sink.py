"""The protocol of every sink."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Protocol

from edge_runtime.common.counters import Counters
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.streaming.results import Results


@dataclass(frozen=True)
class StreamInfo:
    """What a sink may need to know about the stream.

    Parameters
    ----------
    name : str
        Of the machine that is watched: the model's name, or the machine's in a plant.
    sensors : tuple of str
    threshold : float
        The model file's.
    drift_limit : float
        Infinite if there is none.
    host : str
        Name of the machine that watches.
    manifest : Manifest, optional
        The model file's.
    is_one_of_several : bool
        Whether the process watches other machines too.
    """

    name: str
    sensors: tuple[str, ...]
    threshold: float
    drift_limit: float
    host: str = field(default_factory=socket.gethostname)
    manifest: Manifest | None = None
    is_one_of_several: bool = False


class Sink(Protocol):
    """Takes results, in its own thread.

    If it has a method ``health``, that is called with the stream's `edge_runtime.streaming.health.Health`. If it has
    one ``model``, that is called with the `Manifest` of each new model; if it has one ``delivery``, with
    `edge_runtime.streaming.delivery_events.DeliveryFacts` about once a second where models come from a registry. These
    two are called in the stream's thread: they must not wait.
    """

    name: str

    def write(self, results: Results) -> None:
        """Take results and their events; raise OSError if they cannot be kept."""

    def status(self, counters: Counters) -> None:
        """Take the counts; called about once a second and at the end."""

    def close(self) -> None:
        """Send what is buffered and release everything."""


class EndOfOutput(Exception):  # noqa: N818 - the reader of a pipe has left: not an error
    """The output no longer has a reader."""
