"""Time spans as people write and read them: ``90s``, ``25m``, ``2h``, ``3d``, ``1w``."""

from __future__ import annotations

import re

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_WORDS = (("weeks", 2 * UNITS["w"]), ("days", 2 * UNITS["d"]), ("hours", 2 * UNITS["h"]), ("minutes", 2 * UNITS["m"]))


def parse_duration(text: str) -> float | None:
    """Return a time span in seconds, or None if the text is not one; a bare number is seconds.

    >>> parse_duration("1.5h"), parse_duration("1w"), parse_duration("90"), parse_duration("soon")
    (5400.0, 604800.0, 90.0, None)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])?", text)
    return None if match is None else float(match[1]) * UNITS[match[2] or "s"]


def exact_duration(span_s: float) -> str:
    """Return seconds as `parse_duration` reads them, in the largest unit of which they are a whole number.

    >>> exact_duration(7200.0), exact_duration(90.0), exact_duration(0.25), exact_duration(0.0)
    ('2h', '90s', '0.25s', '0s')
    """
    unit = next((unit for unit in reversed(UNITS) if span_s and span_s % UNITS[unit] == 0), "s")
    return f"{span_s / UNITS[unit]:.15g}{unit}"


def duration_text(span_s: float) -> str:
    """Return seconds in the largest unit that leaves two or more.

    >>> duration_text(5400.0), duration_text(90.0), duration_text(1e6)
    ('90 minutes', '90 seconds', '11.6 days')
    """
    for word, least_s in _WORDS:
        if span_s >= least_s:
            return f"{2 * span_s / least_s:.3g} {word}"
    return f"{span_s:.3g} seconds"
