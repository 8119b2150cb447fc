"""When something was: wall-clock time, time since the start, or the number of a window; ticks for each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from benchmarks.report.formats import clock, duration, number
from edge_runtime.common.counted import counted

_DAY = 86_400.0
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, _DAY)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class TimeAxis:
    """How the positions of a trace are labelled.

    Parameters
    ----------
    low_s, high_s : float
        First and last position: seconds, or window numbers.
    epoch_s : float or None
        Seconds since 1970 at position 0; None if the recording has no wall-clock time.
    has_time : bool
        Whether positions are seconds at all.
    counted : str
        What they count where they are not.
    """

    low_s: float
    high_s: float
    epoch_s: float | None = None
    has_time: bool = True
    counted: str = "window"

    @property
    def length_s(self) -> float:
        """From the first position to the last."""
        return self.high_s - self.low_s

    def text(self, at_s: float) -> str:
        """Return when a position was.

        >>> TimeAxis(0.0, 600.0, 0.0).text(61.5)
        '1970-01-01 00:01:01'
        >>> TimeAxis(0.0, 600.0, has_time=False).text(61.0)
        'window 61'
        """
        if not self.has_time:
            return f"{self.counted} {at_s:,.0f}"
        if self.epoch_s is None:
            return clock(at_s, self.high_s)
        return f"{self._moment(at_s):%Y-%m-%d %H:%M:%S}"

    def length_text(self, start_s: float, end_s: float) -> str:
        """Return a length as text; row numbers include both ends.

        >>> TimeAxis(0.0, 600.0, has_time=False).length_text(10.0, 13.0)
        '4 windows'
        """
        if self.has_time:
            return duration(end_s - start_s)
        return counted(round(end_s - start_s) + 1, self.counted)

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """Return about `count` positions and their labels.

        >>> TimeAxis(0.0, 7000.0, 1.8e9).ticks(4)
        [(0.0, '08:00'), (1800.0, '08:30'), (3600.0, '09:00'), (5400.0, '09:30')]
        """
        step = _step(self.length_s / count, is_clock=self.has_time)
        shift = (self.epoch_s or 0.0) % step
        first = math.ceil((self.low_s + shift) / step) * step - shift
        places = [first + at * step for at in range(2 * count + 2)]
        return [(place, self._label(place, step)) for place in places if place <= self.high_s]

    def _label(self, at_s: float, step_s: float) -> str:
        if not self.has_time:
            return number(at_s)
        if self.epoch_s is None:
            return clock(at_s, self.high_s)
        form = "%Y-%m-%d" if step_s >= _DAY else "%m-%d %H:%M" if self.length_s > _DAY else "%H:%M"
        return f"{self._moment(at_s):{form + (':%S' if step_s < 60 else '')}}"

    def _moment(self, at_s: float) -> datetime:
        return _EPOCH + timedelta(seconds=(self.epoch_s or 0.0) + at_s)


def _step(least: float, *, is_clock: bool) -> float:
    """Return the round step at or above one."""
    if is_clock and 1 <= least <= _DAY:
        return float(next(step for step in _STEPS if step >= least))
    unit = _DAY if is_clock and least > _DAY else 1.0
    decade = 10.0 ** math.floor(math.log10(max(least / unit, 1e-9)))
    return next(times * decade for times in (1, 2, 5, 10) if times * decade * unit >= least * (1 - 1e-9)) * unit
