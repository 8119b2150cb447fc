"""How much of the past is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_runtime.common.bounds import EXPECTED_BOUNDS, parse_bounds
from edge_runtime.errors import UsageError

DAY_S = 86_400.0
LEAST_BYTES = 5_000_000


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
        bounds = parse_bounds(text)
        if bounds is None:
            raise UsageError(f"--history-keep: expected {EXPECTED_BOUNDS}. Received: {text!r:.80}")
        usual = cls()
        return cls(bounds.span_s or usual.span_s, bounds.max_bytes or usual.max_bytes)
