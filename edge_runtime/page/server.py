"""The server of the page: uvicorn in a thread of its own, with its own event loop, one per address.

A thread rather than a process: the history has one writer, which marks go through, and a process of its own would cost
a small device some 40 MB more. The thread hardly ever holds the interpreter's lock: it looks at a machine four times
per second, encodes once for all clients, and asks the history in a further thread, where SQLite works without the lock.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from edge_runtime.errors import OutputError, missing_extra
from edge_runtime.page.access import Access
from edge_runtime.page.address import PageAddress
from edge_runtime.page.connections import MOST_CONNECTIONS, Guard
from edge_runtime.page.histories import Histories
from edge_runtime.page.hub import Hub
from edge_runtime.page.machine import WatchedMachine
from edge_runtime.page.routes import page_app
from edge_runtime.page.token import token_for

_START_S, _STOP_S = 10.0, 3.0
_LONGEST_HEADERS = 16_384


class PageServer:
    """Serves the page of some machines.

    Parameters
    ----------
    address : PageAddress
    tell : callable
        Called with a one-line message when something happens.

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
    hub : Hub
    """

    def __init__(self, address: PageAddress, tell: Callable[[str], None]) -> None:
        try:
            import starlette  # noqa: F401 - asked for here, so that the message names the extra
            import uvicorn
            from uvicorn.protocols.http.h11_impl import H11Protocol
        except ImportError as error:
            raise missing_extra("starlette or uvicorn", "web", "the web sink") from error
        token = token_for(address)
        self._socket = _listening(address)
        self.port = int(self._socket.getsockname()[1])
        self.hub, self._tell, self._told = Hub(), tell, False
        self._histories = Histories()
        self._live: dict[str, WatchedMachine] = {}
        self._held: dict[str, WatchedMachine] = {}
        app = page_app(self.hub, self._histories, Access(token, self.port), self._failed, is_local=address.is_local)
        protocol = type("PageProtocol", (Guard, H11Protocol), {})
        config = uvicorn.Config(
            app, http=protocol, ws="none", lifespan="off", loop="asyncio", log_config=None,
            access_log=False, proxy_headers=False, server_header=False, timeout_keep_alive=10,
            timeout_graceful_shutdown=1, backlog=MOST_CONNECTIONS, h11_max_incomplete_event_size=_LONGEST_HEADERS,
        )  # fmt: skip
        # Whatever a client sends is no news for standard error.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._started = threading.Event()
        self._thread.start()
        self._started.wait(_START_S)

    def add(self, machine: WatchedMachine, history: Any) -> None:
        """Show a machine, with its history."""
        self._histories.of[machine.info.name] = history
        self._live[machine.info.name] = machine
        self._show()

    def remove(self, machine: WatchedMachine) -> bool:
        """Show a machine no longer; return whether nothing is left."""
        self._histories.of.pop(machine.info.name, None)
        self._live = {name: one for name, one in self._live.items() if one is not machine}
        return self._show()

    def hold(self, machine: WatchedMachine) -> None:
        """Show this in place of a machine of its name while that is not there."""
        self._held[machine.info.name] = machine
        self._show()

    def release(self, machine: WatchedMachine) -> bool:
        """Hold the place no longer; return whether nothing is left."""
        self._held = {name: one for name, one in self._held.items() if one is not machine}
        return self._show()

    def _show(self) -> bool:
        # By name: machines of a plant come in whatever order they are ready.
        self.hub.machines = dict(sorted({**self._held, **self._live}.items()))
        return not self.hub.machines

    def close(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        # It would wait for the streams of events to end.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.hub.close)
        self._thread.join(_STOP_S)
        self._histories.close()

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._serve())

    async def _serve(self) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self._failed(context.get("exception")))
        looking = asyncio.create_task(self.hub.run())
        self._loop = asyncio.get_running_loop()
        self._started.set()
        await self._server.serve(sockets=[self._socket])
        looking.cancel()

    def _failed(self, error: BaseException | None) -> None:
        # A client that leaves in the middle of an answer is no failure.
        if error is not None and not isinstance(error, ConnectionError) and not self._told:
            self._told = True
            self._tell(f"the page failed to answer ({type(error).__name__}: {error}); it continues")


def _listening(address: PageAddress) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=MOST_CONNECTIONS)
    except (OSError, OverflowError) as error:
        raise OutputError(
            f"cannot serve the page on {address.host}:{address.port}: {error}. Choose another address or port."
        ) from error


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
        """Show a machine no longer; the last one of an address stops its server."""
        with self._lock:
            is_last = server.remove(machine)
            self._forget(server, is_last=is_last)
        if is_last:
            server.close()

    def hold(self, address: PageAddress, machine: WatchedMachine, tell: Callable[[str], None]) -> PageServer:
        """Show this at an address while no machine of its name is there; see `PageServer` for the errors."""
        with self._lock:
            server = self._server_at(address, tell)
            server.hold(machine)
            return server

    def release(self, server: PageServer, machine: WatchedMachine) -> None:
        """Hold a machine's place no longer; the last one of an address stops its server."""
        with self._lock:
            is_last = server.release(machine)
            self._forget(server, is_last=is_last)
        if is_last:
            server.close()

    def _server_at(self, address: PageAddress, tell: Callable[[str], None]) -> PageServer:
        server = self._servers.get(address) or PageServer(address, tell)
        if address.port:
            self._servers[address] = server
        return server

    def _forget(self, server: PageServer, *, is_last: bool) -> None:
        if is_last:
            self._servers = {address: one for address, one in self._servers.items() if one is not server}


SERVERS = PageServers()
