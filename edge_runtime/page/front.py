"""What pages of any kind have in common: their files, logging in, and how they answer.

=========================  ====================================================================================
``GET /``                  the page; it holds no data, so everybody may have it
``GET /assets/NAME``       its scripts and its style
``POST /log-in``           the token; answers with a cookie
``POST /log-out``          takes the cookie back
=========================  ====================================================================================
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import HistoryError
from edge_runtime.page.access import Access
from edge_runtime.page.attempts import Attempts
from edge_runtime.page.files import PageFile
from edge_runtime.page.gate import App, Gate, peer_of
from edge_runtime.page.numbers import encoded
from edge_runtime.page.refusals import BadRequest, Unknown
from edge_runtime.page.watchers import Watchers

if TYPE_CHECKING:  # an extra, imported when a page is asked for
    from starlette.requests import Request
    from starlette.responses import Response

Endpoint = Callable[["Request"], Awaitable["Response"]]
_BODY_S, _LONGEST_TOKEN = 5.0, 1000


@dataclass
class Front:
    """Gives out a page's files, and lets people in.

    Parameters
    ----------
    files : mapping of str to PageFile
    access : Access
    attempts : Attempts
    """

    files: Mapping[str, PageFile]
    access: Access
    attempts: Attempts = field(default_factory=Attempts)

    async def page(self, request: Request) -> Response:
        """Return one of the page's files."""
        from starlette.responses import Response

        file = self.files.get(request.path_params.get("name", "index.html"))
        if file is None:
            return refusal(404, "There is no such file.")
        headers = {"etag": file.tag, "cache-control": "no-cache", "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=304, headers=headers)
        return Response(file.content, headers=headers, media_type=file.kind)

    async def log_in(self, request: Request) -> Response:
        """Take the token; whoever guesses waits longer and longer."""
        wait_s = math.ceil(self.attempts.wait_s(peer_of(request.scope)))
        if wait_s:
            return refusal(429, f"Too many failed attempts. Try again in {wait_s} s.", {"retry-after": str(wait_s)})
        body = await body_of(request)
        token = body.get("token") if isinstance(body, dict) else None
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN or not self.access.is_token(token.strip()):
            self.attempts.failed(peer_of(request.scope))
            return refusal(401, "This is not the token.")
        is_encrypted = request.headers.get("origin", "").startswith("https:")
        return answer({"ok": True}, headers={"set-cookie": self.access.cookie(is_encrypted=is_encrypted)})

    async def log_out(self, _request: Request) -> Response:
        """Take the cookie back."""
        return answer({"ok": True}, headers={"set-cookie": self.access.no_cookie})


def app_of(
    front: Front,
    gets: Mapping[str, Endpoint],
    posts: Mapping[str, Endpoint],
    failed: Callable[[BaseException], None],
    *,
    is_local: bool,
) -> App:
    """Return a page as an ASGI application, behind its gate.

    Parameters
    ----------
    front : Front
    gets, posts : mapping of str to callable
        What else can be asked for, by path.
    failed : callable
        Called with what went wrong in an answer.
    is_local : bool
        See `Gate`.
    """
    from starlette.applications import Starlette
    from starlette.routing import Route

    gets = {"/": front.page, "/assets/{name}": front.page, **gets}
    posts = {"/log-in": front.log_in, "/log-out": front.log_out, **posts}
    routes = [Route(path, _answering(endpoint, failed), methods=["GET"]) for path, endpoint in gets.items()]
    routes += [Route(path, _answering(endpoint, failed), methods=["POST"]) for path, endpoint in posts.items()]
    return Gate(Starlette(routes=routes), front.access, front.attempts, is_local=is_local)


def streamed(watchers: Watchers, events: Callable[[], AsyncIterator[bytes]]) -> Response:
    """Return a stream of events that ends with the server, or a refusal where too many watch."""
    from starlette.responses import StreamingResponse

    if watchers.is_full:
        return refusal(503, "Too many pages are open.", {"retry-after": "10"})
    return StreamingResponse(events(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


def answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return an answer as JSON; bytes are JSON already."""
    from starlette.responses import Response

    return Response(content if isinstance(content, bytes) else encoded(content), status, headers, "application/json")


def refusal(status: int, reason: str, headers: dict[str, str] | None = None) -> Response:
    """Return a refusal; the reason is shown to the person."""
    return answer({"error": reason}, status, headers)


def _answering(endpoint: Endpoint, failed: Callable[[BaseException], None]) -> Endpoint:
    """Turn what is wrong with a request into an answer, and a failure into one line on standard error."""

    async def answering(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Unknown as error:
            return refusal(404, str(error))
        except BadRequest as error:
            return refusal(400, str(error))
        except (OSError, asyncio.TimeoutError, HistoryError) as error:
            failed(error)
            return refusal(503, "The history cannot be reached now. Try again.")
        except Exception as error:  # noqa: BLE001 - whatever it is, the detector goes on
            failed(error)
            return refusal(500, "The page failed to answer; what it watches goes on.")

    return answering


async def body_of(request: Request) -> Any:
    """Return the JSON of a request; its length was checked at the gate."""
    from starlette.requests import ClientDisconnect

    try:
        return json.loads(await asyncio.wait_for(request.body(), _BODY_S))
    except (ValueError, RecursionError) as error:
        raise BadRequest("Expected JSON.") from error
    except (asyncio.TimeoutError, ClientDisconnect) as error:
        raise BadRequest("Expected the whole request at once.") from error
