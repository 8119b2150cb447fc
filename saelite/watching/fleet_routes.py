"""What can be asked of the page of a fleet, beside what `edge_runtime.page.front` answers.

=========================  ====================================================================================
``GET /api/fleet``         server-sent events: all machines, then what changes
``GET /api/access``        whether a token is demanded; 401 without it
=========================  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.page.access import Access
from edge_runtime.page.files import page_files
from edge_runtime.page.front import Front, answer, app_of, streamed
from edge_runtime.page.gate import App
from saelite.watching.fleet_hub import FleetHub

if TYPE_CHECKING:  # an extra, imported when a page is asked for
    from starlette.requests import Request
    from starlette.responses import Response

ASSETS = Path(__file__).parent / "assets"


def fleet_app(hub: FleetHub, access: Access, failed: Callable[[BaseException], None], *, is_local: bool) -> App:
    """Return the page of a fleet as an ASGI application, behind its gate; see `app_of`."""

    async def fleet(_request: Request) -> Response:
        return streamed(hub.watchers, hub.events)

    async def open_to_all(_request: Request) -> Response:
        return answer({"open": access.is_open})

    gets = {"/api/fleet": fleet, "/api/access": open_to_all}
    return app_of(Front(page_files(ASSETS), access), gets, {}, failed, is_local=is_local)
