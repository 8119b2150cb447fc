"""MQTT discovery: announces score, alarm and blamed sensor to Home Assistant.

References
----------
Home Assistant, MQTT integration, section "MQTT Discovery".
"""

from __future__ import annotations

import json
import re
from typing import Any

_ENTITIES: dict[str, tuple[str, dict[str, Any]]] = {
    "score": ("sensor", {"name": "Score", "state_class": "measurement", "icon": "mdi:chart-bell-curve"}),
    "alarm": ("binary_sensor", {"name": "Alarm", "device_class": "problem"}),
    "blamed": ("sensor", {"name": "Blamed sensor", "icon": "mdi:target"}),
    "explanation": ("sensor", {"name": "Explanation", "icon": "mdi:comment-alert-outline"}),
    "drift": ("sensor", {"name": "Drift", "state_class": "measurement", "icon": "mdi:chart-line-variant"}),
    "model_version": ("sensor", {"name": "Model version", "icon": "mdi:tag"}),
    "registry": ("sensor", {"name": "Registry", "icon": "mdi:cloud-download"}),
    "learnt": ("sensor", {"name": "Learnt", "unit_of_measurement": "%", "icon": "mdi:school"}),
}
_TEMPLATES = {
    "score": "{{ value_json.score }}",
    "alarm": "{{ 'ON' if value_json.alarm else 'OFF' }}",
    "blamed": "{{ value_json.blamed }}",
    "explanation": "{{ value_json.explanation[:250] }}",  # a state holds at most 255 characters
    "drift": "{{ value_json.drift }}",
    "model_version": "{{ value_json.model_version }}",
    "registry": "{{ value_json.registry }}",
    "learnt": "{{ 100 - value_json.to_learn }}",
}
_OF_STATUS = ("model_version", "registry", "learnt")
_LAST_WORD = {"name": "Feedback", "icon": "mdi:message-check"}
_BUTTONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "false_alarm": ({"name": "False alarm", "icon": "mdi:bell-cancel"}, {"mark": "false_alarm"}),
    "real": ({"name": "Real fault", "icon": "mdi:bell-check"}, {"mark": "real"}),
    "ignore": ({"name": "Ignore sensor for a day", "icon": "mdi:bell-sleep"}, {"mark": "ignore", "until": "1d"}),
}


def slug(name: str) -> str:
    """Return a name that is safe in topics and ids.

    >>> slug("Pump 3/left")
    'pump_3_left'
    """
    return re.sub(r"[^a-z0-9_-]+", "_", name.lower()).strip("_") or "detector"


def discovery_messages(  # noqa: PLR0913 - what is announced, where and how
    prefix: str,
    name: str,
    base: str,
    expire_after_s: int | None = None,
    *,
    takes_marks: bool = False,
    has_registry: bool = False,
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
    takes_marks : bool
        Whether there is a history, so that buttons can mark the last alarm.
    has_registry : bool
        Whether models come from a registry.
    """
    # Two machines may run the same model file under different topics.
    device_id = f"saelite_{slug(base)}"
    device = {"identifiers": [device_id], "name": name, "manufacturer": "saelite", "model": "anomaly detector"}
    messages = []
    for key, (component, fields) in _ENTITIES.items():
        if key == "registry" and not has_registry:
            continue
        payload = {
            **fields,
            "unique_id": f"{device_id}_{key}",
            "state_topic": f"{base}/{'status' if key in _OF_STATUS else 'state'}",
            "value_template": _TEMPLATES[key],
            "availability_topic": f"{base}/availability",
            "device": device,
        }
        if expire_after_s is not None:
            payload["expire_after"] = expire_after_s
        if key == "score":
            payload["json_attributes_topic"] = f"{base}/state"
        messages.append((f"{prefix}/{component}/{device_id}/{key}/config", payload))
    return messages + (_feedback_messages(prefix, device_id, base, device) if takes_marks else [])


def _feedback_messages(
    prefix: str, device_id: str, base: str, device: dict[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    shared = {"availability_topic": f"{base}/availability", "device": device}
    last_word = {
        **_LAST_WORD,
        **shared,
        "unique_id": f"{device_id}_feedback",
        "state_topic": f"{base}/feedback",
        "value_template": "{{ value_json.mark }}",
        "json_attributes_topic": f"{base}/feedback",
    }
    messages = [(f"{prefix}/sensor/{device_id}/feedback/config", last_word)]
    for key, (fields, command) in _BUTTONS.items():
        payload = {
            **fields,
            **shared,
            "unique_id": f"{device_id}_{key}",
            "command_topic": f"{base}/command",
            "payload_press": json.dumps({**command, "alarm": "last", "who": "Home Assistant"}),
        }
        messages.append((f"{prefix}/button/{device_id}/{key}/config", payload))
    return messages
