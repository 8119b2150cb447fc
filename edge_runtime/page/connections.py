"""Connections that cost little: few, never waited for, never buffered without end.

uvicorn itself waits for ever for the first request of a connection, and for a client that reads nothing.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # an extra, imported when a page is asked for
    from uvicorn.protocols.http.h11_impl import H11Protocol as _Protocol
    from uvicorn.protocols.http.h11_impl import RequestResponseCycle
else:
    _Protocol = object

MOST_CONNECTIONS = 128
PATIENCE_S = 15.0
_SEND_BUFFER = 65_536


class Guard(_Protocol):
    """Goes before uvicorn's protocol, and ends connections that keep the server waiting.

    A client may take `PATIENCE_S` in all to send a request, and as long to read what was sent to it.
    """

    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Refuse one connection too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        # The kernel would buffer megabytes for a client that reads nothing.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        self._forgive()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Look whether a request is complete."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        super().resume_writing()
        self._watch()

    def _watch(self) -> None:
        # There is none before the first request, whatever uvicorn's annotation says.
        cycle: RequestResponseCycle | None = self.cycle
        is_owed = cycle is None or cycle.response_complete or cycle.more_body or self.flow.write_paused
        if not is_owed:
            self._forgive()
        elif self._overdue is None:
            self._overdue = self.loop.call_later(PATIENCE_S, self.transport.abort)

    def _forgive(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
