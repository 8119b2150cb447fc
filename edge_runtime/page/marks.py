"""What somebody says of an alarm, checked before it is kept."""

from __future__ import annotations

from typing import Any

from edge_runtime.page.refusals import BadRequest

LONGEST_WHO, LONGEST_NOTE = 80, 500
_LONGEST_IGNORED_S = 366 * 86_400
KINDS = ("false_alarm", "real", "ignore")


class MarkRefused(BadRequest):
    """A mark that cannot be kept; the text says why."""


def checked_mark(asked: Any, sensors: tuple[str, ...], now_s: float) -> dict[str, Any]:
    """Return the fields of a mark.

    Parameters
    ----------
    asked : object
        What came, as JSON.
    sensors : tuple of str
        The machine's.
    now_s : float
        Seconds since the epoch.

    Raises
    ------
    MarkRefused
        If it is no mark.

    Examples
    --------
    >>> checked_mark({"kind": "real", "who": " Kim "}, (), 0.0)
    {'kind': 'real', 'who': 'Kim', 'at_s': 0.0, 'note': '', 'until_s': None, 'sensor': ''}
    """
    if not isinstance(asked, dict) or asked.get("kind") not in KINDS:
        raise MarkRefused(f"Expected a mark of kind {', '.join(KINDS)}.")
    fields = {
        "kind": asked["kind"],
        "who": _line(asked, "who", LONGEST_WHO),
        "at_s": now_s,
        "note": _line(asked, "note", LONGEST_NOTE),
        "until_s": None,
        "sensor": "",
    }
    if asked["kind"] == "ignore":
        fields |= _ignored(asked, sensors, now_s)
    return fields


def _ignored(asked: dict[str, Any], sensors: tuple[str, ...], now_s: float) -> dict[str, Any]:
    sensor, lasts_s = asked.get("sensor"), asked.get("lasts")
    if sensor not in sensors:
        raise MarkRefused("Expected one of the machine's sensors.")
    # NaN, which JSON has in Python, is not between any two numbers.
    if isinstance(lasts_s, bool) or not isinstance(lasts_s, int | float) or not 0 < lasts_s <= _LONGEST_IGNORED_S:
        raise MarkRefused("Expected a time to ignore it, up to a year.")
    return {"sensor": sensor, "until_s": now_s + lasts_s}


def _line(asked: dict[str, Any], name: str, longest: int) -> str:
    """Return a text on one line, without characters that would change how a terminal or a log shows it."""
    text = asked.get(name, "")
    if not isinstance(text, str) or len(text) > longest:
        raise MarkRefused(f"{name}: expected a text of at most {longest} characters.")
    return "".join(one if one.isprintable() else " " for one in text).strip()
