"""Files of a registry over http and https, with the standard library alone.

A server may send too much, or a byte an hour: content is never read beyond what is expected, and a watchdog cuts the
connection when the time is over, wherever it is: in TLS, in the headers, or in the content.
"""

from __future__ import annotations

import http.client
import socket
import threading
import urllib.error
import urllib.request
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from edge_runtime.errors import RegistryError, UsageError
from edge_runtime.registry.reader import Fetched, WantedFile, too_long

_SILENCE_S = 20.0
_PIECE = 1 << 16
_MOST_TAG = 256
_UNCHANGED = 304


class HttpReader:
    """Reads a registry below a URL; a query in it, such as that of a presigned address, goes with each request.

    Parameters
    ----------
    address : str

    Raises
    ------
    UsageError
        If it has no host, or holds a user's name.
    """

    def __init__(self, address: str) -> None:
        base = urlsplit(address)
        if not base.hostname or base.username is not None:
            raise UsageError(
                "registry: expected https://HOST/PATH without a user's name; a secret belongs into the query of a "
                f"presigned address. Received: {base.scheme}://…{base.path:.80}"
            )
        self._base = base
        self.place = f"{base.scheme}://{base.netloc}{base.path}"

    def fetch(self, wanted: WantedFile) -> Fetched | None:
        """See `Reader.fetch`."""
        where = f"{self.place.rstrip('/')}/{wanted.name}"
        watchdog = _Watchdog()
        opener = urllib.request.OpenerDirector()
        for handler in (*_handlers(), _Http(watchdog), _Https(watchdog)):
            opener.add_handler(handler)
        request = urllib.request.Request(_url(self._base, wanted.name), headers=_headers(wanted))  # noqa: S310 - checked
        try:
            with watchdog.within(wanted.within_s), opener.open(request, timeout=_SILENCE_S) as response:
                content = _content(response, wanted, where)
                if watchdog.has_cut:  # headers that end early look like headers that end
                    raise TimeoutError
                return Fetched(content, _tag(response.headers.get("ETag")))
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == _UNCHANGED and wanted.tag:
                return None
            raise RegistryError(f"{where}: the server answers {error.code} {error.reason!s:.80}.") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = f"it took longer than {wanted.within_s:g} s" if watchdog.has_cut else _reason(error)
            raise RegistryError(f"cannot read {where}: {reason}.") from error


class _Watchdog:
    """Cuts connections when the time is over."""

    def __init__(self) -> None:
        self.has_cut = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def within(self, seconds: float) -> _Watchdog:
        """Begin to count."""
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        return self

    def __enter__(self) -> None:
        if self._timer is not None:
            self._timer.start()

    def __exit__(self, *details: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()

    def watch(self, connection: socket.socket) -> None:
        """Cut this connection too."""
        # TLS takes the socket itself away; a second handle to the connection is ours.
        handle = connection.dup()
        with self._lock:
            self._sockets.append(handle)
            if self.has_cut:
                _shut(handle)

    def _cut(self) -> None:
        with self._lock:
            self.has_cut = True
            for connection in self._sockets:
                _shut(connection)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Http(urllib.request.HTTPHandler):
    def __init__(self, watchdog: _Watchdog) -> None:
        super().__init__()
        self._watchdog = watchdog

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_watched(http.client.HTTPConnection, self._watchdog), request)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, watchdog: _Watchdog) -> None:
        super().__init__()
        self._watchdog = watchdog

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_watched(http.client.HTTPSConnection, self._watchdog), request)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirections, and none to a place that is less safe."""

    max_redirections = 3

    def redirect_request(self, request: urllib.request.Request, *details: Any) -> urllib.request.Request | None:
        to = urlsplit(details[-1]).scheme
        if to not in ("http", "https") or (request.type == "https" and to != "https"):
            raise ValueError(f"it redirects to {to or 'nowhere'}, which is less safe")
        return super().redirect_request(request, *details)


def _handlers() -> tuple[urllib.request.BaseHandler, ...]:
    """Return what a request goes through besides http and https: no file, no ftp."""
    return (
        urllib.request.ProxyHandler(),
        _Redirects(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    )


def _watched(kind: Any, watchdog: _Watchdog) -> Any:
    """Return a kind of connection that the watchdog knows from its first byte."""

    class Watched(kind):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._create_connection = self._connected

        def _connected(self, *arguments: Any, **options: Any) -> socket.socket:
            # Before TLS begins: its handshake may be the slow part.
            connection = socket.create_connection(*arguments, **options)
            watchdog.watch(connection)
            return connection

    return Watched


def _url(base: SplitResult, name: str) -> str:
    return base._replace(path=f"{base.path.rstrip('/')}/{quote(name)}", fragment="").geturl()


def _headers(wanted: WantedFile) -> dict[str, str]:
    headers = {"User-Agent": "saelite", "Accept-Encoding": "identity", "Cache-Control": "no-cache"}
    return {**headers, "If-None-Match": wanted.tag} if wanted.tag else headers


def _content(response: Any, wanted: WantedFile, where: str) -> bytes:
    length = response.length
    if length is not None and length > wanted.most_bytes:
        raise too_long(where, wanted)
    pieces, left = [], wanted.most_bytes + 1
    while left and (piece := response.read1(min(_PIECE, left))):
        pieces.append(piece)
        left -= len(piece)
    if not left:
        raise too_long(where, wanted)
    content = b"".join(pieces)
    if length is not None and len(content) < length:
        raise ValueError(f"it ended after {len(content):,} of {length:,} bytes")
    return content


def _tag(text: str | None) -> str:
    # It is sent back: nothing in it may begin another header.
    return text if text and len(text) <= _MOST_TAG and text.isascii() and text.isprintable() else ""


def _reason(error: Exception) -> str:
    # URLError wraps the cause. Python's own texts may hold the address with its query.
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, OSError):
        return cause.strerror or str(cause) or type(cause).__name__
    return str(cause)[:200] if isinstance(cause, ValueError) else type(cause).__name__
