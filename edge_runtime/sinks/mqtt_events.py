"""Alarm events on their way to an MQTT broker, until it has acknowledged them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from edge_runtime.streaming.alarm_events import AlarmEvent

MOST_EVENTS = 1000


class MqttEvents:
    """Publishes alarm events in their order, again where that failed, and knows which ones the broker has.

    Parameters
    ----------
    publish : callable
        Publishes an event; returns paho's message, or None if there is no broker to take it.

    Attributes
    ----------
    dropped : int
        Events that were too many to wait for a broker.
    """

    def __init__(self, publish: Callable[[AlarmEvent], Any]) -> None:
        self._publish, self.dropped = publish, 0
        self._waiting: deque[_Announced] = deque(maxlen=MOST_EVENTS)

    def add(self, events: Iterable[AlarmEvent]) -> None:
        """Take events; of too many the oldest go."""
        for event in events:
            self.dropped += len(self._waiting) == MOST_EVENTS
            self._waiting.append(_Announced(event))

    def send(self) -> None:
        """Publish what waits, as far as the broker takes it."""
        while self._waiting and self._waiting[0].is_acknowledged:
            self._waiting.popleft()
        for announced in self._waiting:
            if announced.must_be_sent:
                announced.message = self._publish(announced.event)
                if announced.message is None:
                    return

    @property
    def unconfirmed(self) -> tuple[AlarmEvent, ...]:
        """The events that the broker has not acknowledged, oldest first; any thread may ask."""
        return tuple(announced.event for announced in tuple(self._waiting) if not announced.is_acknowledged)


@dataclass
class _Announced:
    """An event, and the message that carries it, once there is one."""

    event: AlarmEvent
    message: Any = None

    @property
    def must_be_sent(self) -> bool:
        """Whether no message is on its way; paho sends one again by itself after a reconnection."""
        return self.message is None or has_failed(self.message)

    @property
    def is_acknowledged(self) -> bool:
        """Whether the broker has it."""
        return self.message is not None and not has_failed(self.message) and self.message.is_published()


def has_failed(message: Any) -> bool:
    """Return whether paho refused a message; asked whether it is published, it would raise."""
    return bool(message.rc > 0)
