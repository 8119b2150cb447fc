"""What happens to a clock in a year: daylight saving, a leap second, drift that is set right; and faults across it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

START_S = 1_798_761_600.0  # 2027-01-01
HOUR, DAY = 3600, 86_400


@dataclass(frozen=True)
class Calendar:
    """A year in seconds from its start; a shorter one has all the same in it.

    Parameters
    ----------
    seconds : int
        How long it is.
    week : int
        Between two restarts, and between two moments at which the clock is set right.
    spring, leap, autumn : int
        Where the clock goes on an hour, repeats a second, and goes back an hour.
    drift : float
        Seconds that it gains in each, up to the middle of the year, and loses afterwards.
    fault : int
        How long each fault lasts.
    """

    seconds: int
    week: int = 7 * DAY
    spring: int = 86 * DAY + 2 * HOUR
    leap: int = 181 * DAY
    autumn: int = 303 * DAY + 3 * HOUR
    drift: float = 50e-6
    fault: int = 120

    @property
    def set_right(self) -> range:
        """When the clock is set right."""
        return range(self.week // 2, self.seconds, self.week)

    @property
    def _weeks_fast(self) -> int:
        return self.leap // self.week

    def stamps(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return what the clock showed at these seconds."""
        weeks, since = np.divmod(numbers - self.week // 2, self.week)
        drift = np.where(weeks < self._weeks_fast, self.drift, -self.drift) * since
        hour = HOUR * ((numbers >= self.spring) & (numbers < self.autumn))
        return START_S + numbers + drift + hour - (numbers >= self.leap)

    @property
    def steps_back(self) -> int:
        """How often the clock goes back."""
        fast = sum(place <= self.week // 2 + self._weeks_fast * self.week for place in self.set_right)
        # A clock that loses time falls a little behind while it repeats the second.
        leap = self.seconds > self.leap >= self.week // 2 + self._weeks_fast * self.week
        return fast + leap + (self.seconds > self.autumn)

    @property
    def steps_on(self) -> int:
        """How often it leaves time out."""
        slow = sum(place > self.week // 2 + self._weeks_fast * self.week for place in self.set_right)
        return slow + (self.seconds > self.spring)

    @property
    def faults(self) -> list[int]:
        """Where faults begin: in quiet times of each week, across restarts, and across all that the clock does."""
        across = [self.spring, self.leap, self.autumn, 3 * self.week, *self.set_right[1:4], *self.set_right[-3:]]
        places = {*range(self.week // 4, self.seconds, self.week), *(place - self.fault // 2 for place in across)}
        return sorted(place for place in places if place + 2 * self.fault < self.seconds)

    def faulty(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return whether there is a fault at these seconds."""
        begins = np.array(self.faults or [-self.fault])
        last = begins[np.maximum(np.searchsorted(begins, numbers, side="right") - 1, 0)]
        return np.asarray((numbers >= last) & (numbers < last + self.fault))


YEAR = Calendar(365 * DAY)
SHORT = Calendar(30_000, week=3000, spring=7700, leap=16_000, autumn=25_600, drift=5e-3)
"""All of it in eight hours."""
