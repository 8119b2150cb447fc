"""When an alarm starts and ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_runtime.common.setting import Range, conform, documented, setting
from edge_runtime.errors import UsageError

_SPAN = Range(0, math.inf, high_open=True)


@documented
@dataclass(frozen=True)
class AlarmSettings:
    """When an alarm starts and ends.

    Examples
    --------
    >>> AlarmSettings(debounce=(3, 2))
    Traceback (most recent call last):
    edge_runtime.errors.UsageError: debounce: expected N/M with 1 <= N <= M. Received: 3/2
    """

    exit_ratio: float = setting(
        0.8,
        "An alarm ends at or below this share of the threshold.",
        within=Range(0, 1, low_open=True),
        metavar="SHARE",
    )
    debounce: tuple[int, int] = setting(
        (1, 1), "An alarm starts when N of the last M scores are above the threshold.", form="ratio"
    )
    min_duration_s: float = setting(0.0, "Minimum duration of an alarm.", within=_SPAN, form="duration")
    cool_down_s: float = setting(0.0, "Time after an alarm in which no other starts.", within=_SPAN, form="duration")

    def __post_init__(self) -> None:
        conform(self)
        if not 1 <= self.needed <= self.out_of:
            raise UsageError(f"debounce: expected N/M with 1 <= N <= M. Received: {self.needed}/{self.out_of}")

    @property
    def needed(self) -> int:
        """How many of the last scores must be above the threshold."""
        return self.debounce[0]

    @property
    def out_of(self) -> int:
        """How many of the last scores count."""
        return self.debounce[1]
