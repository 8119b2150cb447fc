"""The servers of the live page, one per address: machines of one process share a page."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from edge_runtime.page.address import PageAddress
from edge_runtime.page.histories import Histories
from edge_runtime.page.hub import Hub
from edge_runtime.page.machine import WatchedMachine
from edge_runtime.page.routes import page_app
from edge_runtime.page.serving import Serving


class PageServer:
    """Serves the page of some machines.

    Parameters
    ----------
    address : PageAddress
    tell : callable
        Called with a one-line message when something happens.

    Raises
    ------
    MissingExtraError, UsageError, OutputError
        See `edge_runtime.page.serving.Serving`.

    Attributes
    ----------
    port : int
    hub : Hub
    """

    def __init__(self, address: PageAddress, tell: Callable[[str], None]) -> None:
        self.hub, self._histories = Hub(), Histories()
        self._machines: dict[str, WatchedMachine] = {}
        self._held: dict[str, WatchedMachine] = {}
        self._serving = Serving(
            address,
            self.hub,
            lambda access, failed: page_app(self.hub, self._histories, access, failed, is_local=address.is_local),
            tell,
            "the web sink",
        )
        self.port = self._serving.port

    def add(self, machine: WatchedMachine, history: Any) -> None:
        """Show a machine, with its history."""
        self._histories.of[machine.info.name] = history
        self._machines[machine.info.name] = machine
        self._show()

    def remove(self, machine: WatchedMachine) -> bool:
        """Show a machine, or what holds its place, no longer; return whether nothing is left."""
        name = machine.info.name
        if self._machines.get(name) is machine:
            del self._machines[name]
            self._histories.of.pop(name, None)
        if self._held.get(name) is machine:
            del self._held[name]
        self._show()
        return not self.hub.machines

    def hold(self, machine: WatchedMachine) -> None:
        """Show this in place of a machine of its name while that is not there."""
        self._held[machine.info.name] = machine
        self._show()

    def _show(self) -> None:
        # By name: machines of a plant come in whatever order they are ready.
        self.hub.machines = dict(sorted({**self._held, **self._machines}.items()))

    def close(self) -> None:
        """Stop serving."""
        self._serving.close()
        self._histories.close()


class PageServers:
    """The servers of this process, one per address: machines of one process share a page."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: dict[PageAddress, PageServer] = {}

    def join(
        self, address: PageAddress, machine: WatchedMachine, history: Any, tell: Callable[[str], None]
    ) -> PageServer:
        """Show a machine at an address; see `PageServer` for the errors."""
        with self._lock:
            server = self._server_at(address, tell)
            server.add(machine, history)
            return server

    def leave(self, server: PageServer, machine: WatchedMachine) -> None:
        """Show a machine, or what holds its place, no longer; the last one of an address stops its server."""
        with self._lock:
            if not server.remove(machine):
                return
            self._servers = {address: one for address, one in self._servers.items() if one is not server}
        server.close()

    def hold(self, address: PageAddress, machine: WatchedMachine, tell: Callable[[str], None]) -> PageServer:
        """Show this at an address while no machine of its name is there; see `PageServer` for the errors."""
        with self._lock:
            server = self._server_at(address, tell)
            server.hold(machine)
            return server

    def _server_at(self, address: PageAddress, tell: Callable[[str], None]) -> PageServer:
        server = self._servers.get(address) or PageServer(address, tell)
        if address.port:
            self._servers[address] = server
        return server


SERVERS = PageServers()
