"""The place of a plant's machine on a page: it stays, and says why, while nobody watches the machine."""

from __future__ import annotations

import math
from collections.abc import Callable

from edge_runtime.page.address import PageAddress
from edge_runtime.page.machine import WatchedMachine
from edge_runtime.page.server import SERVERS
from edge_runtime.sinks.sink import StreamInfo


class Place:
    """Holds the place of a machine; the machine's own sink takes it while there is one.

    Parameters
    ----------
    address : PageAddress
    name : str
        Of the machine.
    tell : callable
        Called with a one-line message when something happens.

    Raises
    ------
    MissingExtraError, UsageError, OutputError
        See `edge_runtime.page.server.PageServer`.
    """

    def __init__(self, address: PageAddress, name: str, tell: Callable[[str], None]) -> None:
        self._machine = WatchedMachine(StreamInfo(name, (), math.inf, math.inf, is_one_of_several=True))
        self._server = SERVERS.hold(address, self._machine, tell)

    def down(self, reason: str) -> None:
        """Say why the machine is not watched."""
        self._machine.down(reason)

    def close(self) -> None:
        """Hold it no longer; the last one of an address stops its server."""
        SERVERS.leave(self._server, self._machine)
