"""When to look at a registry: regularly, never all devices at once, less often while it fails."""

from __future__ import annotations

import random
import time

LONGEST_PAUSE_S = 3600.0
_FIRST_S = 30.0
_JITTER = 0.25
_MOST_DOUBLINGS = 32


class Polls:
    """Tells when the next look is due.

    Parameters
    ----------
    interval_s : float
        Mean time between two looks.
    now : bool
        Whether the first is due at once; otherwise within half a minute, as after a power cut all devices start.
    """

    def __init__(self, interval_s: float, *, now: bool = False) -> None:
        self._interval_s = interval_s
        self._failures = 0
        first_s = 0.0 if now else random.uniform(0, min(_FIRST_S, interval_s))  # noqa: S311 - no secret
        self._next_s = time.monotonic() + first_s

    @property
    def is_due(self) -> bool:
        """Whether it is time to look."""
        return time.monotonic() >= self._next_s

    def ask(self) -> None:
        """Let the next look be due at once."""
        self._next_s = 0.0

    def done(self, *, well: bool) -> None:
        """Note the end of a look, and whether it went well."""
        self._failures = 0 if well else min(self._failures + 1, _MOST_DOUBLINGS)
        jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
        self._next_s = time.monotonic() + jitter * pause_s(self._interval_s, self._failures)


def pause_s(interval_s: float, failures: int) -> float:
    """Return the mean pause after some failures in a row.

    >>> pause_s(600.0, 0), pause_s(600.0, 2), pause_s(600.0, 9), pause_s(7200.0, 9)
    (600.0, 2400.0, 3600.0, 7200.0)
    """
    return min(interval_s * 2.0**failures, max(interval_s, LONGEST_PAUSE_S))
