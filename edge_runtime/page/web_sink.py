"""The sink of the live page: hands over what is newest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from edge_runtime.common.counters import Counters
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.page.address import PageAddress
from edge_runtime.page.machine import WatchedMachine
from edge_runtime.page.server import SERVERS
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.health import Health
from edge_runtime.streaming.results import Results

if TYPE_CHECKING:  # sqlite3 comes with it
    from edge_runtime.history.history import History


class WebSink:
    """Shows one machine on the page of an address.

    Parameters
    ----------
    address : PageAddress
    info : StreamInfo
    tell : callable
        Called with a one-line message when something happens.
    history : History
        What the page shows of the past, and where it keeps what people say of alarms.

    Raises
    ------
    MissingExtraError
        If starlette or uvicorn is not installed.
    UsageError
        If the address needs a token and there is none.
    OutputError
        If the port is taken.

    Attributes
    ----------
    port : int
    """

    def __init__(self, address: PageAddress, info: StreamInfo, tell: Callable[[str], None], history: History) -> None:
        self._machine = WatchedMachine(info)
        self._server = SERVERS.join(address, self._machine, history, tell)
        self.port = self._server.port
        self.name = f"web on {address.host}:{self.port}"

    def write(self, results: Results) -> None:
        """See `Sink.write`."""
        self._machine.take(results)

    def health(self, health: Health) -> None:
        """Take the stream's health: an outdated score is not shown."""
        self._machine.take_health(health)

    def status(self, counters: Counters) -> None:
        """See `Sink.status`."""
        self._machine.take_counters(counters)

    def model(self, manifest: Manifest) -> None:
        """Show a new model's facts."""
        self._machine.info = replace(self._machine.info, threshold=manifest.threshold.value, manifest=manifest)

    def close(self) -> None:
        """See `Sink.close`; the last machine of an address stops its server."""
        SERVERS.leave(self._server, self._machine)
