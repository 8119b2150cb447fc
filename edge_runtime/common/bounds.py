"""An age, a size or both, as people write them: ``30d``, ``200MB``, ``30d,200MB``."""

from __future__ import annotations

import re
from typing import NamedTuple

from edge_runtime.common.durations import parse_duration

EXPECTED_BOUNDS = "an age, a size, or both, such as 30d, 200MB or 30d,200MB"
_UNITS = {"KB": 1e3, "MB": 1e6, "GB": 1e9}


class Bounds(NamedTuple):
    """Seconds and bytes; None where nothing is said."""

    span_s: float | None
    max_bytes: int | None


def parse_bounds(text: str) -> Bounds | None:
    """Return an age and a size, or None if the text is neither.

    >>> parse_bounds("30d,200MB"), parse_bounds("1.5GB"), parse_bounds("7d,7d")
    (Bounds(span_s=2592000.0, max_bytes=200000000), Bounds(span_s=None, max_bytes=1500000000), None)
    """
    found = Bounds(None, None)
    for part in (part.strip() for part in text.split(",")):
        size, span_s = _bytes(part), parse_duration(part)
        if size is not None and found.max_bytes is None:
            found = found._replace(max_bytes=size)
        elif span_s and found.span_s is None:
            found = found._replace(span_s=span_s)
        else:
            return None
    return found


def _bytes(text: str) -> int | None:
    match = re.fullmatch(r"(\d{1,12}(?:\.\d+)?)\s*([KMG]B)", text.upper())
    return None if match is None else int(float(match[1]) * _UNITS[match[2]])
