"""Numbers as JSON has them: short, and null where there is none."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any


def short(value: float | None) -> float | None:
    """Return a number with six digits; None if there is none.

    >>> short(0.123456789), short(float("nan"))
    (0.123457, None)
    """
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def shorts(values: Iterable[float]) -> list[float | None]:
    """Return numbers with six digits; None where there is none."""
    return [short(value) for value in values]


def encoded(answer: Any) -> bytes:
    """Return an answer as JSON."""
    return json.dumps(answer, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


def event(name: str, content: Any) -> bytes:
    r"""Return a server-sent event that holds an answer.

    >>> event("machine", {"score": 0.5})
    b'event: machine\ndata: {"score":0.5}\n\n'
    """
    return b"event: " + name.encode() + b"\ndata: " + encoded(content) + b"\n\n"
