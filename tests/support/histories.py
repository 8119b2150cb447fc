"""Histories with clocks that a test moves, and a machine that lives through days in seconds."""

import numpy as np

from edge_runtime.history.lived_time import Clocks
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.alarm_events import AlarmEnded, AlarmStarted
from edge_runtime.streaming.blame import Blamed
from edge_runtime.streaming.results import Results

START_S = 1_700_000_000.0
BLAMED = (Blamed("flow", 0.8, 12.0, 30.0, 0.5, "l/min"), Blamed("heat", 0.1))


class MovedClocks:
    """Clocks that stand still until they are moved."""

    def __init__(self, wall_s=START_S):
        self.wall, self.steady = wall_s, 0.0

    def move(self, seconds):
        self.wall += seconds
        self.steady += seconds

    @property
    def clocks(self):
        return Clocks(lambda: self.wall, lambda: self.steady)


def names(sensors):
    return ("flow", "heat", *(f"sensor {number}" for number in range(2, sensors)))[:sensors]


def info(sensors=2, name="pump"):
    return StreamInfo(name, names(sensors), 1.0, np.inf)


def block(first, count, sensors=2, *, start_s=START_S, alarms=None, events=(), rows=(), step_s=1.0):
    """Return results; sensor s of reading n is 1000 s + n % 1000."""
    numbers = np.arange(first, first + count)
    values = (numbers[:, None] % 1000 + 1000.0 * np.arange(sensors)).astype(np.float32)
    ones, none = np.ones(count, np.float32), np.zeros((count, 0), np.float32)
    alarms = np.zeros(count, bool) if alarms is None else alarms
    scores = np.where(alarms, 3, 0.5).astype(np.float32)
    times = start_s + step_s * numbers
    return Results(
        numbers, times, scores, ones, alarms, ones, none, none, none, values, names(sensors), tuple(events), tuple(rows)
    )


def alarm_block(first, count, begin, end, sensors=2, **options):
    """Return results with an alarm from one reading until before another."""
    numbers = np.arange(first, first + count)
    start_s, step_s = options.get("start_s", START_S), options.get("step_s", 1.0)
    events, rows = [], []
    if first <= begin < first + count:
        events.append(AlarmStarted(start_s + step_s * begin, 2.0, 1.0, BLAMED))
        rows.append(begin - first)
    if first <= end < first + count:
        lasted_s = step_s * (end - begin)
        events.append(AlarmEnded(start_s + step_s * end, start_s + step_s * begin, lasted_s, 4.0, BLAMED))
        rows.append(end - first)
    alarms = (numbers >= begin) & (numbers < end)
    return block(first, count, sensors, alarms=alarms, events=events, rows=rows, **options)
