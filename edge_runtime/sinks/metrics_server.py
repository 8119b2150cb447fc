"""A page for scrapers. Few clients at once, each for a few seconds, so that no client can delay anything else.

`http.server` would wait for a slow client for ever, open a thread for each, and log every malformed request.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

MOST_CLIENTS = 8
PATIENCE_S = 5.0
_LONGEST_REQUEST = 8192
_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsServer:
    """Answers ``GET /metrics``, and ``GET /healthz`` with 200 or 503.

    Parameters
    ----------
    host, port : str, int
        Port 0 takes a free one.
    page : callable
        Returns the metrics.
    healthy : callable
        Returns whether all is well; for those who restart what is not.

    Raises
    ------
    OSError, OverflowError
        If the port is unavailable.

    Attributes
    ----------
    port : int
    """

    def __init__(
        self, host: str, port: int, page: Callable[[], bytes], healthy: Callable[[], bool] = lambda: True
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=MOST_CLIENTS)
        self.port = int(self._socket.getsockname()[1])
        self._page, self._healthy, self._closed = page, healthy, threading.Event()
        self._places = threading.BoundedSemaphore(MOST_CLIENTS)
        self._thread = threading.Thread(target=self._accept, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._closed.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=1)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._socket.accept()
            except OSError:
                # Without file descriptors left it would fail immediately, over and over.
                self._closed.wait(0.5)
                continue
            if not self._places.acquire(blocking=False):
                client.close()
                continue
            try:
                threading.Thread(target=self._serve, args=(client,), name="metrics client", daemon=True).start()
            except RuntimeError:
                self._places.release()
                client.close()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, suppress(OSError, ValueError):
                self._answer(client, time.monotonic() + PATIENCE_S)
        finally:
            self._places.release()

    def _answer(self, client: socket.socket, until_s: float) -> None:
        request = b""
        while b"\r\n\r\n" not in request and b"\n\n" not in request and len(request) < _LONGEST_REQUEST:
            client.settimeout(max(0.01, until_s - time.monotonic()))
            part = client.recv(_LONGEST_REQUEST)
            if not part or time.monotonic() > until_s:
                return
            request += part
        status, body = self._page_for(request)
        kind = _TYPE if status.startswith("200") else "text/plain; charset=utf-8"
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        client.settimeout(max(0.01, until_s - time.monotonic()))
        client.sendall(head.encode() + (b"" if request.startswith(b"HEAD ") else body))

    def _page_for(self, request: bytes) -> tuple[str, bytes]:
        words = request.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return "400 Bad Request", b"expected GET /metrics\n"
        if words[0] not in (b"GET", b"HEAD"):
            return "405 Method Not Allowed", b"expected GET /metrics\n"
        path = words[1].split(b"?", 1)[0]
        if path == b"/healthz":
            return ("200 OK", b"watching\n") if self._healthy() else ("503 Service Unavailable", b"stale\n")
        if path not in (b"/", b"/metrics"):
            return "404 Not Found", b"expected GET /metrics\n"
        return "200 OK", self._page()
