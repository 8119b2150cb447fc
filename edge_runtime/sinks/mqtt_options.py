"""What may stand in the address of an MQTT sink."""

from __future__ import annotations

from edge_runtime.common.mqtt_client import MqttAddress
from edge_runtime.errors import UsageError


def check_topic(topic: str) -> None:
    """Refuse topics that no broker accepts; messages to them would be dropped silently.

    Raises
    ------
    UsageError
        If the topic holds such a character.
    """
    if any(character in topic for character in "#+\0"):
        raise UsageError(f"a topic to publish under must not contain #, + or a zero byte. Received: {topic!r:.80}")


def interval_of(address: MqttAddress) -> float:
    """Return the minimum seconds between two states.

    Raises
    ------
    UsageError
        If it is not a sane number of seconds.
    """
    try:
        interval_s = float(address.options.get("interval", "1"))
    except ValueError:
        interval_s = -1.0
    if not 0 <= interval_s < 1e6:
        raise UsageError(f"interval: expected seconds, zero or more. Received: {address.options['interval']!r}")
    return interval_s
