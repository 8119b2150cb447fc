"""The broker's side: one subscription to everything under a prefix."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge_runtime.common.mqtt_client import MqttAddress, mqtt_client
from edge_runtime.errors import UsageError
from saelite.watching.inbox import Inbox

PREFIX = "saelite"


@dataclass(frozen=True)
class Link:
    """How the connection to the broker is.

    Parameters
    ----------
    state : str
        ``connecting``, ``connected`` or ``lost``.
    since_s : float
        Since when, seconds since the epoch.
    reason : str
        Why it is lost.
    """

    state: str
    since_s: float
    reason: str = ""

    @property
    def is_connected(self) -> bool:
        """Whether messages are heard."""
        return self.state == "connected"


class Subscription:
    """Subscribes to all machines under a prefix; the client connects and reconnects by itself.

    With QoS 0: what is lost is sent again within seconds, and a broker keeps no queue for this client.

    Parameters
    ----------
    address : MqttAddress
        Its topic is the prefix, by default ``saelite``.
    inbox : Inbox
    tell : callable
        Called with a one-line message when something happens.

    Raises
    ------
    UsageError
        If the prefix is not one that can be subscribed to.
    MissingExtraError
        If paho-mqtt is not installed.

    Attributes
    ----------
    link : Link
    """

    def __init__(self, address: MqttAddress, inbox: Inbox, tell: Callable[[str], None]) -> None:
        self.pattern = pattern_of(address.topic)
        self.broker = f"{address.host}:{address.port}"
        self.link = Link("connecting", time.time())
        self._inbox, self._tell, self._told = inbox, tell, False
        self._client = mqtt_client(address)
        self._client.on_message, self._client.on_connect = self._received, self._connected
        self._client.on_disconnect = self._client.on_connect_fail = self._away
        self._client.on_subscribe = self._subscribed
        self._client.connect_async(address.host, address.port)
        self._client.loop_start()

    def close(self) -> None:
        """Take nothing more."""
        self._client.on_disconnect = None
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: Any, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            self._lose(f"refused: {reason}")
        else:
            client.subscribe(self.pattern, qos=0)

    def _subscribed(self, _client: Any, _data: object, _mid: int, reasons: list[Any], _properties: object) -> None:
        if reasons[0].is_failure:
            self._lose(f"{self.pattern} refused: {reasons[0]}")
            return
        self._tell(f"mqtt://{self.broker}: watching {self.pattern}")
        self.link, self._told = Link("connected", time.time()), False

    def _received(self, _client: Any, _data: object, message: Any) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        self._inbox.put(topic, bytes(message.payload), is_retained=bool(message.retain))

    def _away(self, *details: Any) -> None:
        # paho gives the reason third from the end; of a connection that never came about it gives none.
        self._lose(str(details[-2]) if len(details) > 3 else "cannot be reached")

    def _lose(self, reason: str) -> None:
        if self.link.state != "lost":
            self.link = Link("lost", time.time(), reason)
        if not self._told:
            self._told = True
            self._tell(f"mqtt://{self.broker}: {reason}; retrying")


def pattern_of(prefix: str) -> str:
    """Return the pattern for all topics under a prefix, which may hold wildcards.

    Raises
    ------
    UsageError
        If no broker accepts it.

    Examples
    --------
    >>> pattern_of(""), pattern_of("plant/hall 2/"), pattern_of("#")
    ('saelite/#', 'plant/hall 2/#', '#')
    """
    levels = (prefix.strip("/") or PREFIX).split("/")
    levels = levels if levels[-1] == "#" else [*levels, "#"]
    wild = [level for level in levels[:-1] if "#" in level or ("+" in level and level != "+")]
    pattern = "/".join(levels)
    if wild or "\0" in pattern or len(pattern.encode()) > 65_535:
        raise UsageError(
            f"a prefix holds # at its end alone, and + as a whole level. Received: {prefix!r:.80}. "
            "For example mqtt://broker/plant/+/pumps"
        )
    return pattern
