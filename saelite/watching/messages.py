"""What machines publish by MQTT, read with suspicion: whoever may publish there may write anything.

The topics are those of `edge_runtime.sinks.mqtt_sink`. What is not one of its messages is None; texts are cut, numbers
finite.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from edge_runtime.page.numbers import short

KINDS = ("state", "status", "availability", "info")
LONGEST_PAYLOAD, LONGEST_TOPIC = 16_384, 512
_LONGEST_NAME, _LONGEST_TEXT = 120, 300


@dataclass(frozen=True)
class State:
    """The last result of a machine.

    Parameters
    ----------
    time_s : float or None
        Seconds since the epoch, by the readings' clock.
    ratio : float or None
        Score over threshold: an anomaly is above 1.
    alarm : bool
    since_s : float or None
        Start of the alarm.
    learning : bool
    blame : str
        Sensors to blame, with value and expected value where they are known.
    drift : float or None
    """

    time_s: float | None
    ratio: float | None
    alarm: bool
    since_s: float | None
    learning: bool
    blame: str
    drift: float | None


@dataclass(frozen=True)
class Status:
    """What a machine counts, and the model it uses.

    Parameters
    ----------
    is_stale : bool
        Whether no readings arrive.
    learnt : float or None
        Share of what is to be learnt, from 0 to 1; None once it is known.
    model : str
    version : str
        Of the model; empty if it has none.
    drift_limit : float or None
        Normal data stay below.
    registry : str
        How the model stands to its registry, see `edge_runtime.streaming.delivery_events`; empty without one.
    """

    is_stale: bool
    learnt: float | None
    model: str
    version: str
    drift_limit: float | None
    registry: str


@dataclass(frozen=True)
class Info:
    """What never changes.

    Parameters
    ----------
    machine, host : str
    page : str
        Address of the machine's own page, ``http`` or ``https``; empty if there is none.
    """

    machine: str
    host: str
    page: str


def state_of(payload: bytes) -> State | None:
    """Return the last result of a machine.

    >>> state_of(b'{"score": 3, "threshold": 1.5, "alarm": true, "blamed": "flow", "drift": NaN}')
    State(time_s=None, ratio=2.0, alarm=True, since_s=None, learning=False, blame='flow', drift=None)
    """
    found = _object(payload)
    if found is None or not {"score", "threshold", "alarm"} <= found.keys() or not isinstance(found["alarm"], bool):
        return None
    score, threshold = _number(found["score"]), _number(found["threshold"])
    return State(
        _moment(found.get("time")),
        short(score / threshold) if score is not None and threshold else None,
        found["alarm"],
        _moment(found.get("since")),
        found.get("learning") is True,
        _text(found.get("explanation"), _LONGEST_TEXT) or _text(found.get("blamed"), _LONGEST_NAME),
        _number(found.get("drift")),
    )


def status_of(payload: bytes) -> Status | None:
    """Return what a machine counts.

    >>> status_of(b'{"to_learn": 75, "stale": false, "model": "pump", "model_version": 3, "drift_limit": 2.5}')
    Status(is_stale=False, learnt=0.25, model='pump', version='3', drift_limit=2.5, registry='')
    """
    found = _object(payload)
    if found is None:
        return None
    left, limit = _number(found.get("to_learn")), _number(found.get("drift_limit"))
    version = _number(found.get("model_version"))
    return Status(
        found.get("stale") is True,
        None if not left else min(1.0, max(0.0, 1 - left / 100)),
        _text(found.get("model"), _LONGEST_NAME),
        f"{version:.15g}" if version else "",
        limit if limit and limit > 0 else None,
        _text(found.get("registry"), _LONGEST_NAME),
    )


def info_of(payload: bytes) -> Info | None:
    """Return what never changes.

    >>> info_of(b'{"machine": "pump", "host": "gateway", "page": "javascript:alert(1)"}')
    Info(machine='pump', host='gateway', page='')
    """
    found = _object(payload)
    if found is None or not {"machine", "host"} <= found.keys():
        return None
    machine, host = (_text(found[name], _LONGEST_NAME) for name in ("machine", "host"))
    return Info(machine, host, _page(found.get("page")))


def availability_of(payload: bytes) -> bool | None:
    """Return whether a machine is online.

    >>> availability_of(b"online"), availability_of(b"offline"), availability_of(b"perhaps")
    (True, False, None)
    """
    return {b"online": True, b"offline": False}.get(payload)


def _object(payload: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None
    return found if isinstance(found, dict) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return short(number) if math.isfinite(number) else None


def _text(value: Any, longest: int) -> str:
    return value[:longest].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _moment(value: Any) -> float | None:
    """Return a time in ISO 8601 as seconds since the epoch."""
    try:
        # Before Python 3.11 a Z was not understood.
        return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    except (AttributeError, ValueError, OverflowError, OSError):
        return None


def _page(value: Any) -> str:
    text = _text(value, _LONGEST_TEXT + 1)
    try:
        is_page = len(text) <= _LONGEST_TEXT and urlsplit(text).scheme in ("http", "https") and urlsplit(text).hostname
    except ValueError:
        is_page = False
    return text if is_page else ""
