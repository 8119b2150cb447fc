"""How much of the past is kept."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from edge_runtime.common.durations import parse_duration
from edge_runtime.errors import UsageError

DAY_S = 86_400.0
LEAST_BYTES = 5_000_000
_BYTES = {"KB": 1e3, "MB": 1e6, "GB": 1e9}


@dataclass(frozen=True)
class Keep:
    """Bounds of a history.

    Parameters
    ----------
    span_s : float
        Maximum age, in seconds of recording, see `edge_runtime.history.lived_time`: a clock that is set ages nothing.
    max_bytes : int
        Maximum size of the file and its write-ahead log together.

    Raises
    ------
    UsageError
        If the span is not above zero, or the size below 5 MB.
    """

    span_s: float = 30 * DAY_S
    max_bytes: int = 200_000_000

    def __post_init__(self) -> None:
        if not 0 < self.span_s < math.inf:
            raise UsageError(f"history: expected an age above zero to keep. Received: {self.span_s!r}")
        if not LEAST_BYTES <= self.max_bytes < 1 << 50:
            raise UsageError(f"history: expected a size of at least 5MB to keep. Received: {self.max_bytes!r} bytes")

    @classmethod
    def parse(cls, text: str) -> Keep:
        """Return the bounds that a text such as ``30d``, ``200MB`` or ``30d,200MB`` sets; the other keeps its default.

        Raises
        ------
        UsageError
            If it has another form.

        Examples
        --------
        >>> Keep.parse("7d"), Keep.parse("1w,1.5GB").max_bytes
        (Keep(span_s=604800.0, max_bytes=200000000), 1500000000)
        """
        span_s: float | None = None
        max_bytes: int | None = None
        for part in (part.strip() for part in text.split(",")):
            if (size := _bytes(part)) is not None and max_bytes is None:
                max_bytes = size
            elif (span := parse_duration(part)) is not None and span_s is None:
                span_s = span
            else:
                raise UsageError(
                    f"--history-keep: expected an age, a size, or both, such as 30d, 200MB or 30d,200MB. "
                    f"Received: {text!r:.80}"
                )
        usual = cls()
        return cls(usual.span_s if span_s is None else span_s, usual.max_bytes if max_bytes is None else max_bytes)


def _bytes(text: str) -> int | None:
    match = re.fullmatch(r"(\d{1,12}(?:\.\d+)?)\s*([KMG]B)", text.upper())
    return None if match is None else int(float(match[1]) * _BYTES[match[2]])
