"""Watching a fleet: on a page, or once in a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable

from edge_runtime.common.mqtt_client import MqttAddress
from edge_runtime.errors import BrokerError
from edge_runtime.page.address import PageAddress
from edge_runtime.page.serving import Serving
from saelite.watching.fleet_hub import FleetHub
from saelite.watching.fleet_page_table import FleetTable
from saelite.watching.fleet_routes import fleet_app
from saelite.watching.inbox import Inbox
from saelite.watching.subscription import Subscription

PORT = 8091
_CONNECT_S, _QUIET_S, _LONGEST_S, _LOOK_S = 10.0, 1.0, 15.0, 0.05


class FleetPage:
    """Serves the page of a fleet until it is closed.

    Parameters
    ----------
    broker : MqttAddress
    address : PageAddress
    tell : callable
        Called with a one-line message when something happens.

    Raises
    ------
    MissingExtraError
        If paho-mqtt, starlette or uvicorn is not installed.
    UsageError
        If the address needs a token and there is none, or the broker's prefix is invalid.
    OutputError
        If the port is taken.

    Attributes
    ----------
    port : int
    """

    def __init__(self, broker: MqttAddress, address: PageAddress, tell: Callable[[str], None]) -> None:
        inbox = Inbox()
        self._subscription = Subscription(broker, inbox, tell)
        hub = FleetHub(self._subscription, inbox, FleetTable())
        try:
            self._serving = Serving(
                address,
                hub,
                lambda access, failed: fleet_app(hub, access, failed, is_local=address.is_local),
                tell,
                "the page of a fleet",
            )
        except BaseException:
            self._subscription.close()
            raise
        self.port = self._serving.port

    def close(self) -> None:
        """Stop serving."""
        self._serving.close()
        self._subscription.close()


def look_once(broker: MqttAddress, tell: Callable[[str], None]) -> FleetTable:
    """Return all machines whose state the broker keeps.

    Raises
    ------
    BrokerError
        If the broker cannot be reached, or refuses.
    """
    inbox, table = Inbox(), FleetTable()
    subscription = Subscription(broker, inbox, tell)
    try:
        _until_connected(subscription)
        _read(inbox, table, subscription)
    finally:
        subscription.close()
    return table


def _until_connected(subscription: Subscription) -> None:
    until_s = time.monotonic() + _CONNECT_S
    while not subscription.link.is_connected:
        if subscription.link.state == "lost" or time.monotonic() > until_s:
            raise BrokerError(
                f"mqtt://{subscription.broker}: {subscription.link.reason or 'no answer'}. Expected a broker that lets "
                "this user subscribe. See SAELITE_MQTT_USERNAME, SAELITE_MQTT_PASSWORD and SAELITE_MQTT_CA_FILE."
            )
        time.sleep(_LOOK_S)


def _read(inbox: Inbox, table: FleetTable, subscription: Subscription) -> None:
    """Read what the broker keeps until nothing new has come for `_QUIET_S`: machines that run never fall silent."""
    until_s = time.monotonic() + _LONGEST_S
    quiet_s = time.monotonic() + _QUIET_S
    known = -1
    while time.monotonic() < min(until_s, quiet_s):
        time.sleep(_LOOK_S)
        table.take(inbox.take(), time.time(), subscription.link.since_s)
        if len(table.machines) != known:
            known, quiet_s = len(table.machines), time.monotonic() + _QUIET_S
