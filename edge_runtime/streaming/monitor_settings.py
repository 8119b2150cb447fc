"""Settings for watching a machine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_runtime.common.setting import Range, conform, documented, nested, setting
from edge_runtime.signal.missing import POLICIES, POLICY_TEXT
from edge_runtime.streaming.alarm_settings import AlarmSettings
from edge_runtime.streaming.judging import AdaptationSettings
from edge_runtime.streaming.wanted import Wanted

EXPLAIN = ("never", "blame", "alarms", "always")


@documented
@dataclass(frozen=True)
class MonitorSettings:
    """Settings for watching a machine.

    `explain` says which scores get expected values, and contributions that need extra runs, one of `EXPLAIN`: with
    ``never`` there are none, and no sensors to blame in events; with ``blame`` there are no expected values. `drift`
    says whether to measure drift, if the model supports it. `expected_every_s` asks for expected values of the newest
    window at least so often, see `Wanted`.
    """

    alarm: AlarmSettings = nested(AlarmSettings)
    adaptation: AdaptationSettings = nested(AdaptationSettings)
    on_missing: str = setting(
        "skip",
        POLICY_TEXT,
        choices=POLICIES,
    )
    stuck_after: int = setting(
        0,
        "Warn when a sensor repeats the same value this many times; 0 never warns.",
        within=Range(0),
        metavar="READINGS",
    )
    only_when: str | None = setting(
        None,
        "Score only readings that meet this condition; the others are never in alarm.  [default: as trained]",
        metavar="CONDITION",
        example="current > 2",
    )
    explain: str = "alarms"
    drift: bool = True
    expected_every_s: float = math.inf

    def __post_init__(self) -> None:
        conform(self)

    @property
    def wanted(self) -> Wanted:
        """The outputs wanted from the model."""
        exit_ratio = self.alarm.exit_ratio
        above = {"never": None, "blame": exit_ratio, "alarms": exit_ratio, "always": -math.inf}
        # An alarm that lasts as long as it is told to may have low scores.
        is_blame_alone = self.explain == "blame" and not self.alarm.min_duration_s
        return Wanted(self.drift, above[self.explain], self.expected_every_s, levels=not is_blame_alone)
