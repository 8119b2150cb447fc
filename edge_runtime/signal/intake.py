"""From readings to stretches that windows are cut from: one definition for training, score and run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.common.counters import Counters
from edge_runtime.common.notices import Notices
from edge_runtime.signal.clock import GAP_STEPS, Clock
from edge_runtime.signal.missing import Repair, Rows
from edge_runtime.signal.only_when import Condition
from edge_runtime.signal.readings import Readings

# Read before tflite-runtime is loaded, which makes ARM processors flush subnormal numbers to zero; numpy would warn
# about that.
_LARGEST = float(np.finfo(np.float32).max)
_NOWHERE = -(2**40)
"""Number of a last reading so long ago that no window may reach back to it."""


class Stretch(NamedTuple):
    """Consecutive readings without a missing value.

    Parameters
    ----------
    rows : Rows
    follows : bool
        Whether windows may reach back across its first reading into the previous stretch.
    """

    rows: Rows
    follows: bool


class Off(NamedTuple):
    """The machine goes off at this time."""

    time_s: float


class Intake:
    """Cuts readings where time jumps, where the machine is off, and where too many values are missing.

    Parameters
    ----------
    sensors : tuple of str
    on_missing : str
        See `edge_runtime.signal.missing.Repair`.
    condition : Condition, optional
        Which readings count, see `edge_runtime.signal.only_when`.
    counters : Counters
    notices : Notices
    live : bool
        See `edge_runtime.signal.clock.Clock`.
    place : callable
        Returns the place of a reading, for messages; by default its number, counted from 1.

    Examples
    --------
    >>> intake = Intake(("flow",), "skip", None, Counters(), Notices(lambda _: None))
    >>> values = np.array([[1.0], [np.nan], [3.0], [4.0], [5.0]])
    >>> pieces = intake.push(Readings(np.array([0.0, 1, 2, 3, 60]), values))
    >>> [(piece.rows.numbers.tolist(), piece.follows) for piece in pieces]
    [([0, 2, 3], False), ([4], False)]
    """

    def __init__(  # noqa: PLR0913 - what is asked of readings, and where to say what was met
        self,
        sensors: tuple[str, ...],
        on_missing: str,
        condition: Condition | None,
        counters: Counters,
        notices: Notices,
        *,
        live: bool = False,
        place: Callable[[int], str] | None = None,
    ) -> None:
        self._condition, self._counters = condition, counters
        self.clock = Clock(counters, notices, live=live)
        self.repair = Repair(on_missing, sensors, counters, notices, place or _number)
        self._notices, self._read, self._last, self._is_on = notices, 0, _NOWHERE, True

    def push(self, readings: Readings) -> list[Stretch | Off]:
        """Return the stretches that are ready, in order, and the moments between them when the machine is off."""
        self._counters.lost += readings.lost
        if readings.complaint:
            self.repair.complain(readings.complaint)
        elif readings.lost:
            self._notices.once("lost", "received something that is not a reading (counted as lost from now on)")
        if not len(readings):
            return []
        self._counters.read += len(readings)
        numbers = np.arange(self._read, self._read + len(readings))
        self._read += len(readings)
        times, jumps = self.clock.push(readings.times)
        rows = Rows(numbers, times, narrow(readings.values))
        on = np.ones(len(numbers), bool) if self._condition is None else self._condition.is_on(rows.values)
        pieces: list[Stretch | Off] = []
        for chosen in _cuts(jumps, on):
            if jumps[chosen.start]:
                self.restart()
            pieces += self._working(rows.part(chosen)) if on[chosen.start] else self._off(rows.part(chosen))
        return pieces

    def restart(self) -> None:
        """Start over at the next reading: no window and no repaired value spans it."""
        self.repair.reset()
        self._last = _NOWHERE

    def resume(self) -> None:
        """Let windows reach back across the next reading, because earlier ones are remembered."""
        self._last = self._read - 1

    def use(self, condition: Condition | None) -> None:
        """Use another condition from now on."""
        self._condition = condition

    def _off(self, rows: Rows) -> list[Stretch | Off]:
        self._counters.off += len(rows.numbers)
        self.restart()
        self.repair.see(rows.values)
        was_on, self._is_on = self._is_on, False
        return [Off(float(rows.times[0]))] if was_on else []

    def _working(self, rows: Rows) -> list[Stretch | Off]:
        self._is_on = True
        rows = self.repair.push(rows)
        if not len(rows.numbers):
            return []
        # Readings left out are a gap in time like any other.
        far = np.diff(rows.numbers, prepend=self._last) > GAP_STEPS
        self._last = int(rows.numbers[-1])
        edges = [0, *(np.flatnonzero(far[1:]) + 1).tolist(), len(far)]
        parts = [rows.part(slice(start, stop)) for start, stop in itertools.pairwise(edges)]
        return [Stretch(part, not number and not far[0]) for number, part in enumerate(parts)]


def narrow(values: FloatArray) -> FloatArray:
    """Return values in float32, NaN for those beyond its range, which count as missing."""
    with np.errstate(over="ignore", invalid="ignore"):
        narrowed = values.astype(np.float32, copy=False)
        flat = narrowed.ravel()
        # Their squares have a finite sum only if they are all finite, and far from float32's limit.
        if math.isfinite(flat.dot(flat)):
            return narrowed
        return np.where(np.abs(values) <= _LARGEST, values, np.nan).astype(np.float32)


def _number(number: int) -> str:
    return f"reading {number + 1}"


def _cuts(jumps: BoolArray, on: BoolArray) -> list[slice]:
    """Return the slices between jumps, and between readings that count and readings that do not."""
    edges = [0, *(np.flatnonzero(jumps[1:] | (on[1:] != on[:-1])) + 1).tolist(), len(on)]
    return [slice(start, stop) for start, stop in itertools.pairwise(edges)]
