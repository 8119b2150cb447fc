"""The alarm rate: alarms per watched time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.common.counted import counted
from edge_runtime.common.durations import UNITS, duration_text

PERIODS = {"hour": UNITS["h"], "day": UNITS["d"], "week": UNITS["w"]}


class WatchedTime:
    """Time over which windows were scored, without gaps and without time while the machine is off.

    Examples
    --------
    >>> watched = WatchedTime()
    >>> watched.add(np.array([0.0, 1.0, 2.0]))
    >>> watched.pause()
    >>> watched.add(np.array([60.0, 61.0]))
    >>> watched.total_s
    3.0
    """

    def __init__(self) -> None:
        self.total_s = 0.0
        self._last_s = float("nan")

    def add(self, times: npt.NDArray[np.float64]) -> None:
        """Count the time up to each of some windows; NaN if it is unknown."""
        if not len(times):
            return
        steps = np.diff(times, prepend=self._last_s)
        self.total_s += float(steps[steps > 0].sum())
        self._last_s = float(times[-1])

    def pause(self) -> None:
        """Do not count the time up to the next window."""
        self._last_s = float("nan")


def alarm_rates(alarms: int, watched_s: float) -> dict[str, float]:
    """Return alarms per hour, day and week; empty if no time is known."""
    return {period: alarms * period_s / watched_s for period, period_s in PERIODS.items()} if watched_s > 0 else {}


def alarms_text(alarms: int, watched_s: float) -> str:
    """Return the number of alarms and their rates as text.

    >>> alarms_text(3, 9000.0)
    '3 alarms in 2.5 hours (1.2 an hour, 28.8 a day, 202 a week)'
    >>> alarms_text(1, 0.0)
    '1 alarm'
    """
    text = counted(alarms, "alarm")
    rates = alarm_rates(alarms, watched_s)
    if not rates:
        return text
    text += f" in {duration_text(watched_s)}"
    each = [f"{_short(rate)} {'an' if period == 'hour' else 'a'} {period}" for period, rate in rates.items()]
    return f"{text} ({', '.join(each)})" if alarms else text


def _short(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
