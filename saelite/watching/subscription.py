"""The broker's side: subscriptions to what machines publish under a prefix.

With QoS 0: what is lost is sent again within seconds. With QoS 1 mosquitto keeps 1,000 messages for a client and drops
the others, and even QoS 0 loses some of a burst that fills the buffers of the connection. So one kind of topic is asked
for after the other: a broker answers in order, and its answer to a request that does nothing comes after all it kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge_runtime.common.mqtt_client import MqttAddress, mqtt_client
from edge_runtime.errors import UsageError
from saelite.watching.inbox import Inbox
from saelite.watching.messages import KINDS

PREFIX = "saelite"
DEEPEST = 4
# Nobody publishes there, and nobody subscribes to it.
_MILESTONE = "saelite/milestone"


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
    """Subscribes to all machines up to `DEEPEST` levels below a prefix; the client reconnects by itself.

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
        Connected once all that the broker keeps is in the inbox.
    """

    def __init__(self, address: MqttAddress, inbox: Inbox, tell: Callable[[str], None]) -> None:
        self.prefix = checked_prefix(address.topic)
        self.broker = f"{address.host}:{address.port}"
        self.link = Link("connecting", time.time())
        self._inbox, self._tell, self._told = inbox, tell, False
        self._client = mqtt_client(address)
        self._client.on_message, self._client.on_connect = self._received, self._connected
        self._client.on_disconnect = self._client.on_connect_fail = self._away
        self._client.on_subscribe, self._client.on_unsubscribe = self._subscribed, self._passed
        self._left: list[str] = []
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
            self._left = [*KINDS]
            self._ask(client)

    def _ask(self, client: Any) -> None:
        kind = self._left.pop()
        client.subscribe([(pattern, 0) for pattern in patterns(self.prefix, kind)])

    def _subscribed(self, client: Any, _data: object, _mid: int, reasons: list[Any], _properties: object) -> None:
        if all(reason.is_failure for reason in reasons):
            self._lose(f"{self.prefix} refused: {reasons[0]}")
        else:
            client.unsubscribe(_MILESTONE)

    def _passed(self, client: Any, *_details: object) -> None:
        if self._left:
            self._ask(client)
        else:
            self._tell(f"mqtt://{self.broker}: watching {self.prefix}")
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


def checked_prefix(prefix: str) -> str:
    """Return a prefix, which may hold wildcards, or the usual one.

    Raises
    ------
    UsageError
        If no broker accepts it.

    Examples
    --------
    >>> checked_prefix(""), checked_prefix("plant/hall 2/#"), checked_prefix("plant/+/")
    ('saelite', 'plant/hall 2', 'plant/+')
    """
    levels = (prefix.strip("/") or PREFIX).split("/")
    levels = levels[:-1] if levels[-1] == "#" else levels
    if any("#" in level or "\0" in level or ("+" in level and level != "+") for level in levels):
        raise UsageError(
            f"a prefix holds # at its end alone, and + as a whole level. Received: {prefix!r:.80}. "
            "For example mqtt://broker/plant/+/pumps"
        )
    return "/".join(levels)


def patterns(prefix: str, kind: str) -> list[str]:
    """Return the patterns of one kind of topic, from the prefix itself to `DEEPEST` levels below.

    >>> patterns("saelite", "state")[:3]
    ['saelite/state', 'saelite/+/state', 'saelite/+/+/state']
    """
    start = [prefix] if prefix else []
    return ["/".join([*start, *["+"] * depth, kind]) for depth in range(not start, DEEPEST + 1)]
