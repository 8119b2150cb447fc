"""Readings from an MQTT topic: one JSON object or list, or one line of CSV values, per message."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable
from typing import Any

from edge_runtime.common.mqtt_client import MqttAddress, mqtt_client
from edge_runtime.errors import UsageError
from edge_runtime.signal.readings import Readings, no_readings
from edge_runtime.sources.files import Decoder
from edge_runtime.tables.lines import LONGEST_LINE

_LENGTH = 10_000
_MOST_AT_ONCE = 1024


class MqttSource:
    """Readings from the messages of a topic; the client connects and reconnects by itself.

    Parameters
    ----------
    address : MqttAddress
        Its topic may hold wildcards; the option ``qos`` is 0, 1 (default) or 2. With ``format=value`` a message is one
        sensor's value, and the sensor is what the wildcards stand for.
    decoder : Decoder
    sensors : int
    tell : callable
        Called with a one-line message when something happens.

    Attributes
    ----------
    reconnects : int
        Number of times the broker was reconnected.
    """

    def __init__(self, address: MqttAddress, decoder: Decoder, sensors: int, tell: Callable[[str], None]) -> None:
        if not address.topic:
            raise UsageError(f"which topic? Expected mqtt://{address.host}/TOPIC.")
        if address.options.get("format") == "value" and not {"+", "#"} & set(address.topic.split("/")):
            raise UsageError(
                f"format=value: expected a topic with + or #, which stands for the sensor. Received: {address.topic!r}"
            )
        self.name = f"mqtt://{address.host}:{address.port}/{address.topic}"
        self.reconnects = 0
        self.is_live = True
        self.patience_s = 0.0
        self._decoder, self._sensors, self._tell = decoder, sensors, tell
        self._messages: queue.Queue[bytes] = queue.Queue(_LENGTH)
        self._dropped = 0
        self._topic, self._qos = address.topic, _qos(address)
        self._names_sensors = address.options.get("format") == "value"
        self._times_connected = 0
        self._told = False
        self._client = mqtt_client(address)
        self._client.on_connect, self._client.on_message = self._connected, self._received
        self._client.on_disconnect, self._client.on_connect_fail = self._away, self._away
        self._client.on_subscribe = self._subscribed
        self._client.connect_async(address.host, address.port)
        self._client.loop_start()

    def poll(self, timeout_s: float) -> Readings | None:
        """See `Source.poll`; it never ends."""
        texts: list[str] = []
        while len(texts) < _MOST_AT_ONCE:
            try:
                payload = self._messages.get_nowait() if texts else self._messages.get(timeout=timeout_s)
            except queue.Empty:
                break
            texts.append(payload.decode("utf-8", "replace"))
        readings = self._decoder.decode(texts) if texts else no_readings(self._sensors)
        dropped, self._dropped = self._dropped, 0
        return Readings(readings.times, readings.values, readings.lost + dropped)

    def stop(self) -> None:
        """See `Source.stop`."""
        self._client.on_disconnect = None
        self._client.disconnect()

    def close(self) -> None:
        """See `Source.close`."""
        self.stop()
        self._client.loop_stop()

    def _connected(self, client: Any, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            self._away(f"refused: {reason}")
            return
        self._told = False
        client.subscribe(self._topic, self._qos)

    def _subscribed(self, _client: Any, _data: object, _mid: int, reasons: list[Any], _properties: object) -> None:
        if reasons[0].is_failure:
            self._away(f"refused: {reasons[0]}")
            return
        self.reconnects += bool(self._times_connected)
        self._tell(f"{self.name} is {'connected again' if self._times_connected else 'connected'}")
        self._times_connected += 1

    def _received(self, _client: Any, _data: object, message: Any) -> None:
        # Called in the client's thread: it must not block, or the connection is lost.
        if len(message.payload) > LONGEST_LINE or not message.payload.strip():
            self._dropped += 1
            return
        payload = _reading(self._topic, message.topic, message.payload) if self._names_sensors else message.payload
        try:
            self._messages.put_nowait(payload)
        except queue.Full:
            self._dropped += 1

    def _away(self, *details: Any) -> None:
        if not self._told:
            self._told = True
            reason = f" ({details[0]})" if len(details) == 1 else ""
            self._tell(f"{self.name} cannot be reached{reason}; retrying")


def _reading(pattern: str, topic: str, payload: bytes) -> bytes:
    """Return a message that is one sensor's value as a reading; the value may be an object's ``value``.

    >>> _reading("plant/+/speed/#", "plant/pump/speed/left/now", b"12.5")
    b'{"pump/left/now": 12.5}'
    """
    levels, wanted = topic.split("/"), pattern.split("/")
    here = [level for level, want in zip(levels, wanted, strict=False) if want == "+"]
    below = levels[len(wanted) - 1 :] if wanted[-1] == "#" else []
    text = payload.decode("utf-8", "replace").strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    value = value.get("value") if isinstance(value, dict) else value
    return json.dumps({"/".join([*here, *below]): value}).encode()


def _qos(address: MqttAddress) -> int:
    qos = address.options.get("qos", "1")
    if qos not in ("0", "1", "2"):
        raise UsageError(f"qos: expected 0, 1 or 2. Received: {qos!r}")
    return int(qos)
