"""What can be asked of the page.

=========================  ====================================================================================
``GET /``                  the page; it holds no data, so everybody may have it
``GET /assets/NAME``       its scripts and its style
``POST /log-in``           the token; answers with a cookie
``POST /log-out``          takes the cookie back
``GET /api/machines``      the machines, with sensors, units and model
``GET /api/live``          server-sent events: the newest snapshot of one machine, and the list of all
``GET /api/trend``         score and threshold over a time, decimated
``GET /api/sensor``        a sensor's values over a time, decimated
``GET /api/alarms``        alarms and what was said of them
``POST /api/mark``         what somebody says of an alarm
=========================  ====================================================================================
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import HistoryError
from edge_runtime.page.access import Access
from edge_runtime.page.attempts import Attempts
from edge_runtime.page.facts import machine_facts
from edge_runtime.page.files import page_files
from edge_runtime.page.gate import App, Gate, peer_of
from edge_runtime.page.histories import Histories, Unknown
from edge_runtime.page.hub import Hub
from edge_runtime.page.machine import WatchedMachine
from edge_runtime.page.marks import MarkRefused
from edge_runtime.page.numbers import encoded

if TYPE_CHECKING:  # an extra, imported when a page is asked for
    from starlette.requests import Request
    from starlette.responses import Response

Endpoint = Callable[["Request"], Awaitable["Response"]]
MOST_POINTS, MOST_SENSORS = 2000, 16
_BODY_S, _LONGEST_TOKEN = 5.0, 1000


@dataclass
class Desk:
    """Answers requests.

    Parameters
    ----------
    hub : Hub
    histories : Histories
    access : Access
    attempts : Attempts
    """

    hub: Hub
    histories: Histories
    access: Access
    attempts: Attempts = field(default_factory=Attempts)

    async def page(self, request: Request) -> Response:
        """Return one of the page's files."""
        from starlette.responses import Response

        file = page_files().get(request.path_params.get("name", "index.html"))
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
        body = await _body(request)
        token = body.get("token") if isinstance(body, dict) else None
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN or not self.access.is_token(token.strip()):
            self.attempts.failed(peer_of(request.scope))
            return refusal(401, "This is not the token.")
        is_encrypted = request.headers.get("origin", "").startswith("https:")
        return answer({"ok": True}, headers={"set-cookie": self.access.cookie(is_encrypted=is_encrypted)})

    async def log_out(self, _request: Request) -> Response:
        """Take the cookie back."""
        return answer({"ok": True}, headers={"set-cookie": self.access.no_cookie})

    async def machines(self, _request: Request) -> Response:
        """Return what does not change: names, sensors, units, model."""
        known = [machine_facts(machine.info) for machine in self.hub.machines.values()]
        return answer({"machines": known, "open": self.access.is_open, "now": time.time()})

    async def live(self, request: Request) -> Response:
        """Return a stream of events that ends with the server."""
        from starlette.responses import StreamingResponse

        if self.hub.is_full:
            return refusal(503, "Too many pages are open.", {"retry-after": "10"})
        events = self.hub.events(request.query_params.get("machine", ""))
        return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def trend(self, request: Request) -> Response:
        """Return score and threshold over a time."""
        return answer(await self.histories.trend(request.query_params.get("machine", ""), *_span(request)))

    async def sensors(self, request: Request) -> Response:
        """Return the values of some sensors over a time."""
        machine = self._machine(request.query_params.get("machine"))
        sensors = tuple(request.query_params.getlist("sensor"))
        if not 1 <= len(sensors) <= MOST_SENSORS or not set(sensors) <= set(machine.info.sensors):
            raise BadRequest(f"Expected 1 to {MOST_SENSORS} of the machine's sensors.")
        return answer(await self.histories.sensors(machine.info.name, sensors, *_span(request)))

    async def alarms(self, request: Request) -> Response:
        """Return alarms, the newest first, and the sensors that are ignored."""
        machine = self._machine(request.query_params.get("machine"))
        return answer(await self.histories.alarms(machine.info.name, machine.alarm_changes))

    async def mark(self, request: Request) -> Response:
        """Keep what somebody says of an alarm."""
        body = await _body(request)
        if not isinstance(body, dict):
            raise BadRequest("Expected a JSON object.")
        machine = self._machine(body.get("machine"))
        await self.histories.mark(machine.info, body.get("alarm"), body)
        machine.marked()
        return answer({"ok": True})

    def _machine(self, name: Any) -> WatchedMachine:
        machine = self.hub.machines.get(name) if isinstance(name, str) else None
        if machine is None:
            raise Unknown("There is no such machine.")
        return machine


def page_app(
    hub: Hub,
    histories: Histories,
    access: Access,
    failed: Callable[[BaseException], None],
    *,
    is_local: bool,
) -> App:
    """Return the page as an ASGI application, behind its gate.

    Parameters
    ----------
    hub, histories, access
    failed : callable
        Called with what went wrong in an answer.
    is_local : bool
        See `Gate`.
    """
    from starlette.applications import Starlette
    from starlette.routing import Route

    desk = Desk(hub, histories, access)
    gets = {
        "/": desk.page, "/assets/{name}": desk.page, "/api/machines": desk.machines, "/api/live": desk.live,
        "/api/trend": desk.trend, "/api/sensors": desk.sensors, "/api/alarms": desk.alarms,
    }  # fmt: skip
    posts = {"/log-in": desk.log_in, "/log-out": desk.log_out, "/api/mark": desk.mark}
    routes = [Route(path, _answering(endpoint, failed), methods=["GET"]) for path, endpoint in gets.items()]
    routes += [Route(path, _answering(endpoint, failed), methods=["POST"]) for path, endpoint in posts.items()]
    return Gate(Starlette(routes=routes), access, desk.attempts, is_local=is_local)


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
        except (MarkRefused, BadRequest) as error:
            return refusal(400, str(error))
        except (OSError, asyncio.TimeoutError, HistoryError) as error:
            failed(error)
            return refusal(503, "The history cannot be reached now. Try again.")
        except Exception as error:  # noqa: BLE001 - whatever it is, the detector goes on
            failed(error)
            return refusal(500, "The page failed; the detector goes on.")

    return answering


class BadRequest(ValueError):  # noqa: N818 - its text is the answer
    """A request that makes no sense; the text says why."""


def _span(request: Request) -> tuple[float, float, int]:
    """Return since, until and the number of points that a request asks for."""
    query = request.query_params
    try:
        since_s, until_s, points = float(query["since"]), float(query["until"]), int(query["points"])
    except (KeyError, ValueError) as error:
        raise BadRequest("Expected since, until and points.") from error
    if not (math.isfinite(since_s) and math.isfinite(until_s) and since_s < until_s and 1 <= points <= MOST_POINTS):
        raise BadRequest(f"Expected since before until, and 1 to {MOST_POINTS} points.")
    return since_s, until_s, points


async def _body(request: Request) -> Any:
    """Return the JSON of a request; its length was checked at the gate."""
    from starlette.requests import ClientDisconnect

    try:
        return json.loads(await asyncio.wait_for(request.body(), _BODY_S))
    except (ValueError, RecursionError) as error:
        raise BadRequest("Expected JSON.") from error
    except (asyncio.TimeoutError, ClientDisconnect) as error:
        raise BadRequest("Expected the whole request at once.") from error
