"""Results to an MQTT broker, and to Home Assistant by discovery.

=====================  =====================================================================  ========
topic                  payload                                                                retained
=====================  =====================================================================  ========
``BASE/state``         the last result, JSON                                                  yes
``BASE/event``         ``alarm_started``, ``alarm_ended``, ``stream_stale`` …, JSON           no
``BASE/status``        the counts, the model in use, and whether the stream is stale, JSON    yes
``BASE/info``          names of the machine and its host, and its page, JSON                  yes
``BASE/availability``  ``online``; ``offline`` while stale, at the end, after a crash         yes
``BASE/feedback``      what was said of an alarm last, JSON; with a history                   yes
``BASE/command``       taken, not published: see `edge_runtime.sinks.mqtt_commands`           no
=====================  =====================================================================  ========
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from edge_runtime.common.counters import Counters
from edge_runtime.common.mqtt_client import MqttAddress, mqtt_client
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.sinks.home_assistant import discovery_messages, slug
from edge_runtime.sinks.mqtt_commands import MqttCommands
from edge_runtime.sinks.mqtt_events import MqttEvents, has_failed
from edge_runtime.sinks.mqtt_options import check_topic, interval_of
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.sinks.text import event_json
from edge_runtime.streaming.alarm_events import AlarmEvent
from edge_runtime.streaming.blame import explanation
from edge_runtime.streaming.delivery_events import DeliveryFacts
from edge_runtime.streaming.health import Health
from edge_runtime.streaming.results import Results, StreamResult, standing, time_text

if TYPE_CHECKING:  # sqlite3 comes with it
    from edge_runtime.history.history import History

_STATUS_PERIOD_S = 10.0
_MOST_UNACKNOWLEDGED = 500
_PATIENCE_S = 3.0
_ACKNOWLEDGED_S = 0.5


class MqttSink:
    """Publishes state and events with QoS 1.

    Parameters
    ----------
    address : MqttAddress
        Its topic is the base, by default ``saelite/<name of the host>/<name of the model>``: two machines may run the
        same model. Options: ``interval``, minimum seconds
        between two states (1; 0 publishes every result; a change of the alarm is published at once), ``discovery``,
        Home Assistant's prefix (``homeassistant``; empty announces nothing), and ``page``, the URL of the machine's own
        page, for `saelite fleet watch`.
    info : StreamInfo
    tell : callable
        Called with a one-line message when something happens.
    history : History, optional
        Where commands mark alarms; without one there are no commands.

    Attributes
    ----------
    dropped : int
        Messages not published because there was no broker. Alarm events wait for one.
    """

    def __init__(
        self, address: MqttAddress, info: StreamInfo, tell: Callable[[str], None], history: History | None = None
    ) -> None:
        self.name = f"mqtt://{address.host}:{address.port}"
        self.dropped = 0
        self._base = address.topic.strip("/") or f"saelite/{slug(info.host)}/{slug(info.name)}"
        check_topic(self._base)
        self._interval_s = interval_of(address)
        prefix = address.options.get("discovery", "homeassistant")
        check_topic(prefix)
        self._announce: Callable[..., list[tuple[str, dict[str, Any]]]] = (
            partial(
                discovery_messages, prefix, f"{info.name} on {info.host}", self._base, takes_marks=history is not None
            )
            if prefix
            else lambda *_, **__: []
        )
        self._model = {} if info.manifest is None else _model_facts(info.manifest)
        self._delivery: DeliveryFacts | None = None
        self._had_registry = False
        self._expire_after_s: int | None = None
        self._stale = False
        self._tell, self._told = tell, False
        self._next_state_s = self._next_status_s = 0.0
        self._sent: deque[Any] = deque()
        self._events = MqttEvents(lambda event: self._publish("event", event_json(event), retain=False))
        self._counts: dict[str, int] = {}
        self._last: StreamResult | None = None
        self._explanation = ""
        self._since_s: float | None = None
        self._learning = False
        self._info, self._page = info, address.options.get("page", "")
        self._is_published = True
        self._commands = None if history is None else MqttCommands(history, info.name, self._show_feedback, tell)
        self._client = mqtt_client(address)
        self._client.on_message = self._received
        self._client.will_set(f"{self._base}/availability", "offline", qos=1, retain=True)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._client.on_connect_fail = self._away
        self._client.connect_async(address.host, address.port)
        self._client.loop_start()

    def write(self, results: Results) -> None:
        """See `Sink.write`."""
        self._last = last = standing(results, self._last)
        for event in results.events:
            self._explanation = explanation(event.blamed)
            self._since_s = event.time_s if event.name == "alarm_started" else None
        self._learning = results.learning if len(results) else self._learning
        if last is not None:
            self._show(results, last)
        self._events.add(results.events)
        self._send_events()

    def _show(self, results: Results, last: StreamResult) -> None:
        if self._interval_s == 0:
            states = list(results)
            # When a machine goes off, its alarm ends after the last result; the retained state must show that.
            for state in states if states and states[-1] == last else [*states, last]:
                self._publish_state(state)
        elif results.events or time.monotonic() >= self._next_state_s:
            self._next_state_s = time.monotonic() + self._interval_s
            self._publish_state(last)
        else:
            self._is_published = False

    @property
    def unconfirmed(self) -> tuple[AlarmEvent, ...]:
        """The alarm events that the broker has not acknowledged; any thread may ask."""
        return self._events.unconfirmed

    def _send_events(self) -> None:
        if self._client.is_connected():
            self._events.send()

    def health(self, health: Health) -> None:
        """Publish changes; while the stream is stale it is offline, and Home Assistant's entities expire."""
        for event in health.events:
            self._publish("event", event_json(event), retain=False)
        if health.stale != self._stale:
            self._stale = health.stale
            self._publish("availability", self._availability)
            self._publish_status()
        expire_after_s = _expiry(health.stale_after_s + self._interval_s)
        if expire_after_s != self._expire_after_s:
            self._expire_after_s = expire_after_s
            self._announce_to(self._client)

    def status(self, counters: Counters) -> None:
        """See `Sink.status`."""
        self._counts = dataclasses.asdict(counters)
        self._send_events()
        if (self._delivery is not None) != self._had_registry:
            self._had_registry = True
            self._announce_to(self._client)
        if time.monotonic() >= self._next_status_s:
            self._next_status_s = time.monotonic() + _STATUS_PERIOD_S
            self._publish_status()

    def model(self, manifest: Manifest) -> None:
        """See `Sink`: the next counts, about a second later, tell of it."""
        self._model, self._next_status_s = _model_facts(manifest), 0.0

    def delivery(self, facts: DeliveryFacts) -> None:
        """See `Sink`: the next counts, about a second later, tell of a change."""
        if facts != self._delivery:
            self._delivery, self._next_status_s = facts, 0.0

    def close(self) -> None:
        """See `Sink.close`: publishes the last state and counts, then ``offline``."""
        if self._last is not None and not self._is_published:
            self._publish_state(self._last)
        self._send_events()
        self._stale = False  # gone, which is more than silent
        self._publish_status()
        if self._client.is_connected():
            self._client.publish(f"{self._base}/availability", "offline", qos=1, retain=True).wait_for_publish(
                _PATIENCE_S
            )
        if self._commands is not None:
            self._commands.close(_ACKNOWLEDGED_S)
        self._client.on_disconnect = None
        self._client.disconnect()
        self._client.loop_stop()

    def _publish_status(self) -> None:
        facts = self._delivery
        registry = (
            {"registry": facts.registry, "registry_index": facts.index, "model_sha256": facts.sha256} if facts else {}
        )
        content = self._counts | {"stale": self._stale} | self._model | registry
        self._publish("status", json.dumps(content, ensure_ascii=False))

    def _publish_state(self, result: StreamResult) -> None:
        self._is_published = True
        blamed = next((name for name, value in result.sensors.items() if value > 0), "") if result.alarm else ""
        state = {
            "time": time_text(result.time_s),
            "score": _short(result.score),
            "threshold": _short(result.threshold),
            "alarm": result.alarm,
            "since": None if self._since_s is None or not result.alarm else time_text(self._since_s),
            "learning": self._learning,
            "blamed": blamed,
            "explanation": self._explanation if result.alarm else "",
            "sensors": {name: _short(value) for name, value in result.sensors.items()},
            "drift": None if result.drift is None else _short(result.drift),
        }
        self._publish("state", json.dumps(state, ensure_ascii=False))

    def _publish_info(self, client: Any) -> None:
        facts = {"machine": self._info.name, "host": self._info.host, "page": self._page}
        client.publish(f"{self._base}/info", json.dumps(facts, ensure_ascii=False), qos=1, retain=True)

    def _publish(self, topic: str, payload: str, *, retain: bool = True) -> Any:
        """Return the message on its way; None if it was dropped."""
        if not self._client.is_connected():
            # Only the newest state matters; a queue of old ones would just fill the memory.
            self.dropped += 1
            return None
        while self._sent and (has_failed(self._sent[0]) or self._sent[0].is_published()):
            self._sent.popleft()
        if len(self._sent) >= _MOST_UNACKNOWLEDGED:
            self._sent[0].wait_for_publish(_ACKNOWLEDGED_S)
            # A broker that acknowledges nothing gets only events, and no more of them than the queue holds.
            if not self._sent[0].is_published() and (retain or len(self._sent) >= 2 * _MOST_UNACKNOWLEDGED):
                self.dropped += 1
                return None
        message = self._client.publish(f"{self._base}/{topic}", payload, qos=1, retain=retain)
        self._sent.append(message)
        return message

    @property
    def _availability(self) -> str:
        return "offline" if self._stale else "online"

    def _announce_to(self, client: Any) -> None:
        if client.is_connected():
            for topic, payload in self._announce(self._expire_after_s, has_registry=self._delivery is not None):
                client.publish(topic, json.dumps(payload), qos=1, retain=True)

    def _connected(self, client: Any, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            self._away(reason)
            return
        self._told = False
        self._announce_to(client)
        self._publish_info(client)
        client.publish(f"{self._base}/availability", self._availability, qos=1, retain=True)
        if self._commands is not None:
            client.subscribe(f"{self._base}/command", qos=1)
            self._commands.show_again()
        self._next_state_s = self._next_status_s = 0.0

    def _received(self, _client: Any, _data: object, message: Any) -> None:
        if self._commands is not None:
            self._commands.take(bytes(message.payload), retained=bool(message.retain))

    def _show_feedback(self, text: str) -> None:
        # What nobody hears now is shown again when there is a connection.
        if self._client.is_connected():
            self._client.publish(f"{self._base}/feedback", text, qos=1, retain=True)

    def _away(self, *details: Any) -> None:
        if not self._told:
            self._told = True
            reason = f" ({details[0]})" if len(details) == 1 else ""
            self._tell(f"{self.name} cannot be reached{reason}; retrying")


def _model_facts(manifest: Manifest) -> dict[str, str | int | float | None]:
    limit = _short(manifest.drift.limit) if manifest.drift else None
    return {"model": manifest.name, "model_version": manifest.version, "drift_limit": limit}


def _expiry(stale_after_s: float) -> int:
    """Return the next of 60, 120, 240 … seconds: Home Assistant need not learn of every small change."""
    return 60 << max(0, math.ceil(math.log2(stale_after_s / 30)))


def _short(value: float) -> float:
    return float(f"{value:.6g}")
