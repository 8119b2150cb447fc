"""Results to an MQTT broker, and to Home Assistant by discovery.

=====================  =====================================================================  ========
topic                  payload                                                                retained
=====================  =====================================================================  ========
``BASE/state``         the last result, JSON                                                  yes
``BASE/event``         ``alarm_started`` and ``alarm_ended``, JSON                            no
``BASE/status``        the counts, JSON                                                       yes
``BASE/availability``  ``online``; ``offline`` at the end and, as last will, after a crash    yes
=====================  =====================================================================  ========
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from edge_runtime.errors import UsageError
from edge_runtime.mqtt_client import MqttAddress, mqtt_client
from edge_runtime.sinks.home_assistant import discovery_messages, slug
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.sinks.text import event_json
from edge_runtime.streaming.results import Counters, Results, StreamResult, standing, time_texts

_STATUS_PERIOD_S = 10.0
_MOST_UNACKNOWLEDGED = 500
_PATIENCE_S = 5.0


class MqttSink:
    """Publishes state and events with QoS 1.

    Parameters
    ----------
    address : MqttAddress
        Its topic is the base, by default ``saelite/<name of the host>/<name of the model>``: two machines may run the
        same model. Options: ``interval``, least seconds
        between two states (1; 0 publishes every result; a change of the alarm is published at once), and
        ``discovery``, Home Assistant's prefix (``homeassistant``; empty announces nothing).
    info : StreamInfo
    tell : callable
        Told what happened, in one line.

    Attributes
    ----------
    dropped : int
        Messages not published, for want of a broker.
    """

    def __init__(self, address: MqttAddress, info: StreamInfo, tell: Callable[[str], None]) -> None:
        self.name = f"mqtt://{address.host}:{address.port}"
        self.dropped = 0
        self._base = address.topic.strip("/") or f"saelite/{slug(info.host)}/{slug(info.name)}"
        self._interval_s = _interval(address)
        prefix = address.options.get("discovery", "homeassistant")
        self._announcements = discovery_messages(prefix, f"{info.name} on {info.host}", self._base) if prefix else []
        self._tell, self._told = tell, False
        self._next_state_s = self._next_status_s = 0.0
        self._unacknowledged = 0
        self._counts: dict[str, int] = {}
        self._last: StreamResult | None = None
        self._is_published = True
        self._client = mqtt_client(address)
        self._client.will_set(f"{self._base}/availability", "offline", qos=1, retain=True)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._client.on_connect_fail = self._away
        self._client.connect_async(address.host, address.port)
        self._client.loop_start()

    def write(self, results: Results) -> None:
        """See `Sink.write`."""
        self._last = last = standing(results, self._last)
        if last is None:
            return
        if self._interval_s == 0:
            states = list(results)
            # A machine that goes off ends its alarm after the last result; the retained state must say so.
            for state in states if states and states[-1] == last else [*states, last]:
                self._publish_state(state)
        elif results.events or time.monotonic() >= self._next_state_s:
            self._next_state_s = time.monotonic() + self._interval_s
            self._publish_state(last)
        else:
            self._is_published = False
        for event in results.events:
            self._publish("event", event_json(event), retain=False)

    def status(self, counters: Counters) -> None:
        """See `Sink.status`."""
        self._counts = dataclasses.asdict(counters)
        if time.monotonic() >= self._next_status_s:
            self._next_status_s = time.monotonic() + _STATUS_PERIOD_S
            self._publish("status", json.dumps(self._counts))

    def close(self) -> None:
        """See `Sink.close`: the last state and counts go out, then ``offline``."""
        if self._last is not None and not self._is_published:
            self._publish_state(self._last)
        self._publish("status", json.dumps(self._counts))
        if self._client.is_connected():
            self._client.publish(f"{self._base}/availability", "offline", qos=1, retain=True).wait_for_publish(
                _PATIENCE_S
            )
        self._client.on_disconnect = None
        self._client.disconnect()
        self._client.loop_stop()

    def _publish_state(self, result: StreamResult) -> None:
        self._is_published = True
        blamed = next((name for name, value in result.sensors.items() if value > 0), "") if result.alarm else ""
        state = {
            "time": time_texts(np.array([result.time_s]))[0],
            "score": _short(result.score),
            "threshold": _short(result.threshold),
            "alarm": result.alarm,
            "blamed": blamed,
            "sensors": {name: _short(value) for name, value in result.sensors.items()},
            "drift": None if result.drift is None else _short(result.drift),
        }
        self._publish("state", json.dumps(state, ensure_ascii=False))

    def _publish(self, topic: str, payload: str, *, retain: bool = True) -> None:
        if not self._client.is_connected():
            # The state that counts is the newest; a queue of old ones would only fill the memory.
            self.dropped += 1
            return
        info = self._client.publish(f"{self._base}/{topic}", payload, qos=1, retain=retain)
        self._unacknowledged += 1
        if self._unacknowledged >= _MOST_UNACKNOWLEDGED:
            info.wait_for_publish(_PATIENCE_S)
            self._unacknowledged = 0

    def _connected(self, client: Any, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            self._away(reason)
            return
        self._told = False
        for topic, payload in self._announcements:
            client.publish(topic, json.dumps(payload), qos=1, retain=True)
        client.publish(f"{self._base}/availability", "online", qos=1, retain=True)
        self._next_state_s = self._next_status_s = 0.0

    def _away(self, *details: Any) -> None:
        if not self._told:
            self._told = True
            reason = f" ({details[0]})" if len(details) == 1 else ""
            self._tell(f"{self.name} cannot be reached{reason}; trying again")


def _interval(address: MqttAddress) -> float:
    try:
        interval_s = float(address.options.get("interval", "1"))
    except ValueError:
        interval_s = -1.0
    if not 0 <= interval_s < 1e6:
        raise UsageError(f"interval: expected seconds, zero or more. Received: {address.options['interval']!r}")
    return interval_s


def _short(value: float) -> float:
    return float(f"{value:.6g}")
