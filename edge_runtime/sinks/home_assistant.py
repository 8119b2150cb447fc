"""MQTT discovery: announces score, alarm and blamed sensor to Home Assistant.

References
----------
Home Assistant, MQTT integration, section "MQTT Discovery".
"""

from __future__ import annotations

import re
from typing import Any

_ENTITIES: dict[str, tuple[str, dict[str, Any]]] = {
    "score": ("sensor", {"name": "Score", "state_class": "measurement", "icon": "mdi:chart-bell-curve"}),
    "alarm": ("binary_sensor", {"name": "Alarm", "device_class": "problem"}),
    "blamed": ("sensor", {"name": "Blamed sensor", "icon": "mdi:target"}),
    "explanation": ("sensor", {"name": "Explanation", "icon": "mdi:comment-alert-outline"}),
    "drift": ("sensor", {"name": "Drift", "state_class": "measurement", "icon": "mdi:chart-line-variant"}),
}
_TEMPLATES = {
    "score": "{{ value_json.score }}",
    "alarm": "{{ 'ON' if value_json.alarm else 'OFF' }}",
    "blamed": "{{ value_json.blamed }}",
    "explanation": "{{ value_json.explanation[:250] }}",  # a state holds at most 255 characters
    "drift": "{{ value_json.drift }}",
}


def slug(name: str) -> str:
    """Return a name that is safe in topics and ids.

    >>> slug("Pump 3/left")
    'pump_3_left'
    """
    return re.sub(r"[^a-z0-9_-]+", "_", name.lower()).strip("_") or "detector"


def discovery_messages(
    prefix: str, name: str, base: str, expire_after_s: int | None = None
) -> list[tuple[str, dict[str, Any]]]:
    """Return (topic, payload) of the retained messages that announce the entities.

    Parameters
    ----------
    prefix : str
        Discovery prefix, ``homeassistant`` by default.
    name : str
        Display name of the model.
    base : str
        Topic under which state and availability are published.
    expire_after_s : int, optional
        Seconds without a state after which an entity is unavailable.
    """
    # Two machines may run the same model file under different topics.
    device_id = f"saelite_{slug(base)}"
    device = {"identifiers": [device_id], "name": name, "manufacturer": "saelite", "model": "anomaly detector"}
    messages = []
    for key, (component, fields) in _ENTITIES.items():
        payload = {
            **fields,
            "unique_id": f"{device_id}_{key}",
            "state_topic": f"{base}/state",
            "value_template": _TEMPLATES[key],
            "availability_topic": f"{base}/availability",
            "device": device,
        }
        if expire_after_s is not None:
            payload["expire_after"] = expire_after_s
        if key == "score":
            payload["json_attributes_topic"] = f"{base}/state"
        messages.append((f"{prefix}/{component}/{device_id}/{key}/config", payload))
    return messages
