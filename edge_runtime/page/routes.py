"""What can be asked of the page of machines, beside what `edge_runtime.page.front` answers.

=========================  ====================================================================================
``GET /api/machines``      the machines, with sensors, units and model
``GET /api/live``          server-sent events: the newest snapshot of one machine, and the list of all
``GET /api/trend``         score and threshold over a time, decimated
``GET /api/sensor``        a sensor's values over a time, decimated
``GET /api/alarms``        alarms and what was said of them
``POST /api/mark``         what somebody says of an alarm
=========================  ====================================================================================
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.page.access import Access
from edge_runtime.page.facts import machine_facts
from edge_runtime.page.files import page_files
from edge_runtime.page.front import Front, answer, app_of, body_of, streamed
from edge_runtime.page.gate import App
from edge_runtime.page.histories import Histories
from edge_runtime.page.hub import Hub
from edge_runtime.page.machine import WatchedMachine
from edge_runtime.page.refusals import BadRequest, Unknown

if TYPE_CHECKING:  # an extra, imported when a page is asked for
    from starlette.requests import Request
    from starlette.responses import Response

MOST_POINTS, MOST_SENSORS = 2000, 16


@dataclass
class Desk:
    """Answers requests.

    Parameters
    ----------
    hub : Hub
    histories : Histories
    access : Access
    """

    hub: Hub
    histories: Histories
    access: Access

    async def machines(self, _request: Request) -> Response:
        """Return what does not change: names, sensors, units, model."""
        known = [machine_facts(machine.info) for machine in self.hub.machines.values()]
        return answer({"machines": known, "open": self.access.is_open, "now": time.time()})

    async def live(self, request: Request) -> Response:
        """Return a stream of events that ends with the server."""
        name = request.query_params.get("machine", "")
        return streamed(self.hub.watchers, lambda: self.hub.events(name))

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
        body = await body_of(request)
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
    """Return the page as an ASGI application, behind its gate; see `app_of`."""
    desk = Desk(hub, histories, access)
    gets = {
        "/api/machines": desk.machines, "/api/live": desk.live, "/api/trend": desk.trend,
        "/api/sensors": desk.sensors, "/api/alarms": desk.alarms,
    }  # fmt: skip
    return app_of(Front(page_files(), access), gets, {"/api/mark": desk.mark}, failed, is_local=is_local)


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
