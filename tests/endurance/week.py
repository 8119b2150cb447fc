"""A week of a stream between two restarts, in simulated time, in a process of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import numpy.typing as npt
from calendar_clock import HOUR, START_S, Calendar

from edge_runtime.common.counters import Counters
from edge_runtime.inference.detector import Detector
from edge_runtime.running.state_keeper import StateKeeper
from edge_runtime.signal.readings import Readings
from edge_runtime.streaming.alarm_settings import AlarmSettings
from edge_runtime.streaming.judging import AdaptationSettings
from edge_runtime.streaming.monitor import Monitor
from edge_runtime.streaming.monitor_settings import MonitorSettings
from edge_runtime.streaming.results import Results

WINDOW = 4
ALARM = AlarmSettings(debounce=(2, 3), min_duration_s=10, cool_down_s=60)
_SENSORS, _MISSING, _SAVE_S = 8, 1 / 5000, 60.0


@dataclass(frozen=True)
class Plan:
    """What is simulated: `state` is the file that goes from week to week, `block` readings are pushed at once.

    With a `mean_rate` the mean follows the readings too, which takes half of all the time.
    """

    model: Path
    state: Path
    calendar: Calendar
    seed: int
    block: int
    mean_rate: float


@dataclass(frozen=True)
class Week:
    """What came of it.

    Parameters
    ----------
    counters : Counters
    missing : int
        Readings without a value that were pushed.
    active : ndarray of shape (n,), bool
        Whether there was an alarm, at each reading.
    thresholds : tuple of float
        The lowest and the highest.
    warm_mb, end_mb : float
        Resident memory after a tenth of it, and at the end.
    """

    counters: Counters
    missing: int
    active: npt.NDArray[np.bool_]
    thresholds: tuple[float, float]
    warm_mb: float
    end_mb: float


class _Clock:
    """What stands for the computer's clocks."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        """Return what stands for `time.monotonic`."""
        return 1e5 + self.now_s

    def wall(self) -> float:
        """Return what stands for `time.time`."""
        return START_S + HOUR + self.now_s


def run_week(plan: Plan, first: int) -> Week:
    """Go on from the state file at second `first`, to the end of the week or of the calendar."""
    clock = _Clock()
    with (
        mock.patch.object(time, "monotonic", clock.monotonic),
        mock.patch.object(time, "time", clock.wall),
    ):
        adaptation = AdaptationSettings(mean_rate=plan.mean_rate, adapt="spot")
        return _run(plan, first, Monitor(Detector.load(plan.model), MonitorSettings(ALARM, adaptation)), clock)


def _run(plan: Plan, first: int, stream: Monitor, clock: _Clock) -> Week:
    end = min(first + plan.calendar.week, plan.calendar.seconds)
    rng, active, missing, low_high = np.random.default_rng([plan.seed, first]), np.zeros(end - first, bool), 0, []
    keeper, warm_mb = StateKeeper(plan.state, _SAVE_S, stream), 0.0
    keeper.restore()
    for begin in range(first, end, plan.block):
        numbers = np.arange(begin, min(begin + plan.block, end))
        clock.now_s = float(numbers[-1])
        rows = _rows(plan.calendar, numbers, rng)
        missing += int(np.isnan(rows).any(axis=1).sum())
        results = stream.push(Readings(plan.calendar.stamps(numbers), rows))
        if len(results):
            active[_places(plan.calendar, numbers, results) - first] |= results.alarms
            low_high += [float(results.thresholds.min()), float(results.thresholds.max())]
            low_high = [min(low_high), max(low_high)]
        keeper.look()
        if not warm_mb and begin - first >= (end - first) // 10:
            warm_mb = _resident_mb()
    keeper.close()
    return Week(stream.counters, missing, active, (low_high[0], low_high[1]), warm_mb, _resident_mb())


def _rows(calendar: Calendar, numbers: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return readings as `streaming_machine.rows_of` makes them, with the calendar's faults, and values missing."""
    causes = np.stack([np.sin(numbers / 50), np.cos(numbers / 80)])
    mixing = np.random.default_rng(1).normal(size=(_SENSORS, 2))
    rows = 10 + (mixing @ causes).T + 0.1 * rng.normal(size=(len(numbers), _SENSORS))
    rows[calendar.faulty(numbers), 0] += 500
    rows[rng.random(len(numbers)) < _MISSING, 3] = np.nan
    return np.asarray(rows)


def _places(calendar: Calendar, numbers: npt.NDArray[np.int64], results: Results) -> npt.NDArray[np.int64]:
    """Return the seconds that results belong to, by their times: in a block only the leap second's are alike."""
    stamps = calendar.stamps(numbers)
    order = np.argsort(stamps, kind="stable")
    return np.asarray(numbers[order[np.searchsorted(stamps[order], results.times)]])


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
