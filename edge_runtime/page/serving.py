"""A page's server: uvicorn in a thread of its own, with its own event loop.

A thread rather than a process: the history has one writer, which marks go through, and a process of its own would cost
a small device some 40 MB more. The thread hardly ever holds the interpreter's lock: it looks at what it shows four
times per second, encodes once for all clients, and asks the history in a further thread, where SQLite works without the
lock.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from edge_runtime.errors import OutputError, missing_extra
from edge_runtime.page.access import Access
from edge_runtime.page.address import PageAddress
from edge_runtime.page.connections import MOST_CONNECTIONS, Guard
from edge_runtime.page.gate import App
from edge_runtime.page.token import token_for

_START_S, _STOP_S = 10.0, 3.0
_LONGEST_HEADERS = 16_384


class Live(Protocol):
    """What a page shows, as it changes."""

    async def run(self) -> None:
        """Look at it until cancelled."""

    def close(self) -> None:
        """End every stream of events."""


class Serving:
    """Serves one page.

    Parameters
    ----------
    address : PageAddress
    live : Live
    app_for : callable
        Takes the access, and what to call with what went wrong in an answer; returns the page as an application.
    tell : callable
        Called with a one-line message when something happens.
    purpose : str
        What needs the extra, for the error's message.

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

    def __init__(
        self,
        address: PageAddress,
        live: Live,
        app_for: Callable[[Access, Callable[[BaseException], None]], App],
        tell: Callable[[str], None],
        purpose: str,
    ) -> None:
        try:
            import starlette  # noqa: F401 - asked for here, so that the message names the extra
            import uvicorn
            from uvicorn.protocols.http.h11_impl import H11Protocol
        except ImportError as error:
            raise missing_extra("starlette or uvicorn", "web", purpose) from error
        token = token_for(address)
        self._socket = _listening(address)
        self.port = int(self._socket.getsockname()[1])
        self._live, self._tell, self._told = live, tell, False
        app = app_for(Access(token, self.port), self._failed)
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

    def close(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        # It would wait for the streams of events to end.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._live.close)
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._serve())

    async def _serve(self) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self._failed(context.get("exception")))
        looking = asyncio.create_task(self._live.run())
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
