"""Sampling at a fixed rate."""

from __future__ import annotations

import time
from collections.abc import Iterator


def paced(period_s: float) -> Iterator[float]:
    """Yield, once per period, the time to wait until the next sample, in seconds.

    After a sleep or a stall, sampling continues from now instead of catching up in a burst.
    """
    due_s = time.monotonic() + period_s
    while True:
        yield max(0.0, due_s - time.monotonic())
        due_s = max(due_s + period_s, time.monotonic())
