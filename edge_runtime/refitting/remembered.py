"""Normal readings from a history: what was recorded between alarms, and during those that somebody called false."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, Times
from edge_runtime.common.counted import counted
from edge_runtime.errors import UsageError
from edge_runtime.history.history import History
from edge_runtime.history.records import FALSE_ALARM, REAL, Alarm, Excerpt
from edge_runtime.model_file.manifest import DetectorSpec
from edge_runtime.refitting.normal_readings import NormalReadings
from edge_runtime.signal.cycle import course_of, without_course

# Smoothing forgets: after this many spans, an earlier score weighs less than 0.1 %.
_SETTLED_SPANS = 4
_MOST_ALARMS = 1_000_000


class Verdicts(NamedTuple):
    """How many alarms there were, by what was said of them.

    Parameters
    ----------
    false_alarms : int
        Learnt from.
    real, unmarked : int
        Left out.
    """

    false_alarms: int
    real: int
    unmarked: int

    def text(self) -> str:
        """Return what became of them, in words."""
        parts = [f"{counted(self.false_alarms, 'false alarm')} learnt from"] if self.false_alarms else []
        if self.real:
            parts.append(f"{counted(self.real, 'real alarm')} left out")
        if self.unmarked:
            left_out = f"{counted(self.unmarked, 'alarm')} that nobody marked left out"
            parts.append(f"{left_out} (`saelite feedback` marks them)")
        return "; ".join(parts)


@dataclass(frozen=True)
class Remembered:
    """The readings of one machine in a history.

    Parameters
    ----------
    history : History
    spec : DetectorSpec
        Of the model to adapt.
    machine : str

    Raises
    ------
    UsageError
        If the history has no such machine, or the model needs readings that no history keeps.
    """

    history: History
    spec: DetectorSpec
    machine: str

    def __post_init__(self) -> None:
        machines = self.history.machines()
        if self.machine not in machines:
            there = ", ".join(machines) or "none"
            raise UsageError(f"--machine: expected one of the history's machines: {there}. Received: {self.machine!r}")
        preprocessing = self.spec.preprocessing
        if preprocessing.stride > 1:
            raise UsageError(
                f"a history keeps the readings that windows end with, one in {preprocessing.stride} for this model: "
                "its windows cannot be cut from them. Expected a stride of 1. Record readings with `saelite record`, "
                "and adapt to them with --normal."
            )

    def add_to(self, normal: NormalReadings) -> tuple[float, Verdicts]:
        """Add all normal readings; return the seconds from one to the next, and what became of the alarms."""
        alarms = self.history.alarms(self.machine, limit=_MOST_ALARMS)
        left_out = [alarm for alarm in alarms if alarm.verdict != FALSE_ALARM]
        steps = []
        for excerpt in self.history.excerpts(self.machine):
            steps.append(excerpt.step_s)
            for part in self._parts(excerpt, left_out):
                normal.add(part, follows=False)
        real = sum(alarm.verdict == REAL for alarm in alarms)
        verdicts = Verdicts(len(alarms) - len(left_out), real, len(left_out) - real)
        return float(np.median(steps)) if steps else float("nan"), verdicts

    def _parts(self, excerpt: Excerpt, alarms: list[Alarm]) -> Iterator[FloatArray]:
        """Yield the stretches of an excerpt outside alarms, sensors in the model's order."""
        names = self.spec.sensor_names
        if not set(names) <= set(excerpt.sensors):
            return
        values = excerpt.values[:, [excerpt.sensors.index(name) for name in names]].astype(np.float32)
        times = excerpt.time_s + excerpt.step_s * np.arange(len(values))
        values = without_course(values, times, course_of(self.spec))
        kept = self._outside(times, excerpt.step_s, alarms) & np.isfinite(values).all(axis=1)
        edges = np.flatnonzero(np.diff(kept.astype(np.int8), prepend=0, append=0))
        for start, stop in edges.reshape(-1, 2).tolist():
            yield values[start:stop]

    def _outside(self, times: Times, step_s: float, alarms: list[Alarm]) -> BoolArray:
        preprocessing, span = self.spec.preprocessing, self.spec.scoring.smoothing_span
        # An alarm begins when the smoothed score has risen, and ends before it has settled.
        around_s = step_s * (preprocessing.window + _SETTLED_SPANS * span)
        outside = np.ones(len(times), bool)
        for alarm in alarms:
            end_s = np.inf if alarm.ended_s is None else alarm.ended_s
            outside &= (times < alarm.started_s - around_s) | (times > end_s + around_s)
        return outside
