"""Connections that cost little: few, never waited for, never buffered without end.

uvicorn itself waits for ever for the first request of a connection, and for a client that reads nothing.
"""

from __future__ import annotations

import socket
from typing import Any

MOST_CONNECTIONS = 128
PATIENCE_S = 15.0
_SEND_BUFFER = 65_536


def guarded(protocol: Any) -> Any:
    """Return a subclass of uvicorn's protocol that ends connections which keep the server waiting.

    A client may take `PATIENCE_S` in all to send a request, and as long to read what was sent to it.

    Parameters
    ----------
    protocol : type
        ``uvicorn.protocols.http.h11_impl.H11Protocol``.
    """

    class Guarded(protocol):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._overdue: Any = None
            if len(self.connections) > MOST_CONNECTIONS:
                transport.abort()
                return
            # The kernel would buffer megabytes for a client that reads nothing.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forgive()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._watch()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._watch()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._watch()

        def _watch(self) -> None:
            cycle = self.cycle
            is_owed = cycle is None or cycle.response_complete or cycle.more_body or self.flow.write_paused
            if not is_owed:
                self._forgive()
            elif self._overdue is None:
                self._overdue = self.loop.call_later(PATIENCE_S, self.transport.abort)

        def _forgive(self) -> None:
            if self._overdue is not None:
                self._overdue.cancel()
                self._overdue = None

    return Guarded
