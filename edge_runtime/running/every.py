"""Things that are due periodically."""

from __future__ import annotations

import math
import time


class Every:
    """Something that is due once per period; never, if there is none.

    Parameters
    ----------
    period_s : float, optional

    Examples
    --------
    >>> Every(0.0).due(), Every(60.0).due(), Every(None).left_s
    (True, False, inf)
    """

    def __init__(self, period_s: float | None) -> None:
        self._period_s = period_s
        self._next_s = math.inf if period_s is None else time.monotonic() + period_s

    @property
    def left_s(self) -> float:
        """Seconds until it is due."""
        return max(0.0, self._next_s - time.monotonic())

    def due(self) -> bool:
        """Return whether it is due; if so, the next period begins."""
        now_s = time.monotonic()
        if self._period_s is None or now_s < self._next_s:
            return False
        self._next_s = now_s + self._period_s
        return True
