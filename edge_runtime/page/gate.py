"""What every request passes before anything looks at it, and what every answer carries.

No other site's page may steer this one: requests from foreign origins are refused (Fetch Metadata and Origin), answers
cannot be framed, sniffed or stored, and nothing but the page's own files runs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from edge_runtime.page.access import Access
from edge_runtime.page.attempts import Attempts

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LONGEST_BODY = 4096
PUBLIC = ("/", "/log-in", "/log-out", "/assets/")
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types "
    "'none'"
)
HEADERS = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": _POLICY,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cache-control": "no-store",
    }.items()
)


class Gate:
    """An ASGI application in front of another.

    Parameters
    ----------
    app : callable
    access : Access
    attempts : Attempts
    is_local : bool
        Whether only this computer can reach the page. Without a token the Host header must then name this computer: a
        foreign name that was made to resolve to it (DNS rebinding) is refused.
    """

    def __init__(self, app: App, access: Access, attempts: Attempts, *, is_local: bool) -> None:
        self._app, self._access, self._attempts = app, access, attempts
        self._trusts_host = not (is_local and access.is_open)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        send = _with_headers(send)
        problem = self._problem(scope, headers)
        if problem:
            await _refuse(send, *problem)
        else:
            await self._app(scope, receive, send)

    def _problem(self, scope: Message, headers: dict[str, str]) -> tuple[int, str] | None:
        """Return status and reason if the request is refused."""
        if not self._trusts_host and _host_of("//" + headers.get("host", "")) not in _LOCAL_HOSTS:
            return 421, "This page is for this computer alone. Expected localhost as the host."
        return _foreign(scope, headers) or _unfit(scope, headers) or self._unknown(scope, headers)

    def _unknown(self, scope: Message, headers: dict[str, str]) -> tuple[int, str] | None:
        path, peer = scope["path"], peer_of(scope)
        if path in PUBLIC or path.startswith(PUBLIC[-1]):
            return None
        authorization = headers.get("authorization", "")
        if authorization and (wait_s := self._attempts.wait_s(peer)):
            return 429, f"Too many failed attempts. Try again in {math.ceil(wait_s)} s."
        if self._access.allows(headers.get("cookie", ""), authorization):
            return None
        if authorization:
            self._attempts.failed(peer)
        return 401, "Log in first."


def _foreign(scope: Message, headers: dict[str, str]) -> tuple[int, str] | None:
    """Refuse what another site's page asks for; a link that leads here is none of that."""
    site, changes = headers.get("sec-fetch-site", ""), scope["method"] not in ("GET", "HEAD")
    is_visit = scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate" and not changes
    if site not in ("", "same-origin", "none") and not is_visit:
        return 403, "Requests from other sites are refused."
    origin = headers.get("origin", "")
    if origin and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        return 403, "Requests from other origins are refused."
    if changes and not origin and site != "same-origin":
        return 403, "Expected an Origin header."
    return None


def _unfit(scope: Message, headers: dict[str, str]) -> tuple[int, str] | None:
    if scope["method"] in ("GET", "HEAD"):
        return None
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return 415, "Expected application/json."
    length = headers.get("content-length", "")
    if not length.isdigit():
        return 411, "Expected a Content-Length header."
    return (413, f"Expected at most {LONGEST_BODY} bytes.") if int(length) > LONGEST_BODY else None


def peer_of(scope: Message) -> str:
    """Return the address that a request comes from."""
    return str(scope["client"][0]) if scope.get("client") else ""


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in message.get("headers", ())}
            message["headers"] = [
                *message.get("headers", ()),
                *((name, value) for name, value in HEADERS if name not in own),
            ]
        await send(message)

    return sending


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = json.dumps({"error": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    # What may still come of a refused body is not waited for.
    headers += [(b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
