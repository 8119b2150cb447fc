"""A year at one reading a second, in simulated time: no reading uncounted, no fault missed, memory flat.

    PYTHONPATH=.:tests/support python tests/endurance/year.py [DAYS] [SEED]

The readings are stamped by a clock of local time without a zone, 50 ppm fast in the first half and 50 ppm slow in the
second, that is set right once a week: it goes on an hour in spring, back an hour in autumn, and repeats a second at the
end of June. Once a week the process ends and another goes on from the state file. The threshold follows the
readings. There is a fault each week, and one across each of these moments.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from calendar_clock import DAY, HOUR, YEAR, Calendar
from streaming_machine import write_model
from week import ALARM, WINDOW, Plan, Week, run_week

from edge_runtime.streaming.adaptation.spot import SpotSettings
from edge_runtime.streaming.state import read_state

LATEST = int(ALARM.cool_down_s) + ALARM.out_of + 3 * WINDOW
"""A false alarm may have ended just before the fault, and the clock been set in it: windows fill again."""
SLOWEST = 600
"""Smoothed scores of a fault of thousands of times the threshold need so long to fall below it."""
MOST_GROWTH_MB = 4.0
_THRESHOLD = 1.0  # of every model file


@dataclass
class Year:
    """What came of it; `problems` is what should not have."""

    calendar: Calendar
    weeks: list[Week]
    problems: list[str] = field(default_factory=list)

    def total(self, name: str) -> int:
        """Return the sum of a counter."""
        return sum(getattr(week.counters, name) for week in self.weeks)

    @property
    def missing(self) -> int:
        """Readings without a value that were pushed."""
        return sum(week.missing for week in self.weeks)

    @property
    def thresholds(self) -> tuple[float, float]:
        """The lowest and the highest."""
        return min(week.thresholds[0] for week in self.weeks), max(week.thresholds[1] for week in self.weeks)

    @property
    def growth_mb(self) -> float:
        """How much a process grew after the first tenth of its week, at most, or the weeks' ends did."""
        ends = self.weeks[-1].end_mb - self.weeks[0].end_mb
        return max([ends, *(week.end_mb - week.warm_mb for week in self.weeks)])

    def judge(self, state: Path) -> Year:
        """Find the problems."""
        self._judge_counts()
        self._judge_alarms(np.concatenate([week.active for week in self.weeks]))
        if self.growth_mb > MOST_GROWTH_MB:
            self.problems.append(f"memory grew by {self.growth_mb:.1f} MB")
        spot, (low, high) = SpotSettings(), self.thresholds
        if not spot.lowest * _THRESHOLD <= low <= high <= spot.highest * _THRESHOLD:
            self.problems.append(f"the threshold went from {low:.3g} to {high:.3g}")
        if read_state(state) is None:
            self.problems.append("there is no state")
        return self

    def _judge_counts(self) -> None:
        calendar = self.calendar
        filling = (WINDOW - 1) * (1 + calendar.steps_back + calendar.steps_on)
        expected = {
            "read": calendar.seconds,
            "skipped": self.missing,
            "backwards": calendar.steps_back,
            "gaps": calendar.steps_on,
            "filling": filling,
            "scored": calendar.seconds - self.missing - filling,
        }
        for name, count in expected.items():
            if self.total(name) != count:
                self.problems.append(f"{name}: expected {count:,}. Received: {self.total(name):,}")

    def _judge_alarms(self, active: npt.NDArray[np.bool_]) -> None:
        faulty = self.calendar.faulty(np.arange(self.calendar.seconds))
        for begin in self.calendar.faults:
            if not active[begin : begin + LATEST].any():
                self.problems.append(f"no alarm within {LATEST} s of the fault at second {begin}")
            after = slice(begin + self.calendar.fault, begin + self.calendar.fault + SLOWEST)
            if not faulty[after].any() and active[after].all():
                self.problems.append(f"still an alarm {SLOWEST} s after the fault at second {begin}")


def simulate(model: Path, calendar: Calendar, seed: int, block: int = HOUR, mean_rate: float = 0.0) -> Year:
    """Go through a calendar, each week in a process whose memory is a device's: without tensorflow."""
    plan = Plan(model, model.with_name("state.json"), calendar, seed, block, mean_rate)
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        weeks = pool.map(partial(run_week, plan), range(0, calendar.seconds, calendar.week), chunksize=1)
    return Year(calendar, weeks).judge(plan.state)


def main(days: int, seed: int) -> int:
    """Simulate, and print; exit code 1 if there was a problem."""
    started_s, calendar = time.perf_counter(), replace(YEAR, seconds=days * DAY)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "m.tflite"
        write_model(model, window=WINDOW)
        year = simulate(model, calendar, seed)
        size = model.with_name("state.json").stat().st_size
    low, high = year.thresholds
    print("\n".join(year.problems))
    print(
        f"{days} days, seed {seed}: {year.total('read'):,} read = {year.total('scored'):,} scored + "
        f"{year.total('filling'):,} filling + {year.total('skipped'):,} skipped; clock back {year.total('backwards')} "
        f"times, on {year.total('gaps')}; {len(calendar.faults)} faults, {year.total('alarms'):,} alarms; thresholds "
        f"{low:.3g} to {high:.3g}; {len(year.weeks)} processes; memory {year.weeks[-1].end_mb:.1f} MB, "
        f"{year.growth_mb:+.1f} at most; state {size:,} bytes; {time.perf_counter() - started_s:.0f} s; "
        f"{len(year.problems)} problems"
    )
    return 1 if year.problems else 0


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:3]]
    sys.exit(main(*(numbers + [365, 1][len(numbers) :])))
