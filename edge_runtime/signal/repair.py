"""Missing values in a stream: refused, skipped, held or interpolated, within bounds, always counted."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import BoolArray
from edge_runtime.errors import RecordingError, UsageError
from edge_runtime.streaming.results import Counters, Notices

STREAM_POLICIES = ("error", "skip", "hold", "interpolate")
LONGEST_REPAIR = 10
"""A value is made up for so many readings in a row at most: a dead sensor must not look like a steady one."""
Rows = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


class Repair:
    """Gives the readings of a stream without missing values.

    Parameters
    ----------
    policy : str
        ``error`` takes no reading from the first missing value on; ``skip`` leaves the reading out; ``hold`` repeats
        the sensor's last value; ``interpolate`` waits for its next value and draws a line. The last two for at most
        `LONGEST_REPAIR` readings in a row, then the reading is skipped.
    sensors : tuple of str
        Names, for messages.
    counters : Counters
    notices : Notices

    Attributes
    ----------
    refusal : RecordingError or None
        With ``error``, once a value was missing: what to raise when the readings before it are done with.
    missing_since_s : ndarray of shape (sensors,), float64
        Since when each sensor has given no number, by `time.monotonic`; NaN where it does.
    """

    def __init__(self, policy: str, sensors: tuple[str, ...], counters: Counters, notices: Notices) -> None:
        if policy not in STREAM_POLICIES:
            raise UsageError(f"expected one of {', '.join(STREAM_POLICIES)}. Received: {policy!r}")
        self._policy, self._sensors = policy, sensors
        self._counters, self._notices = counters, notices
        self._waiting: list[tuple[float, npt.NDArray[np.float64]]] = []
        self._pushed = 0
        self.refusal: RecordingError | None = None
        self.missing_since_s = np.full(len(sensors), np.nan)
        self._any_missing = False
        self.reset()

    def reset(self) -> None:
        """Forget the values before: no value is carried over a gap. Waiting readings are skipped."""
        self._last: npt.NDArray[np.float64] | None = None
        self._ages = np.zeros(len(self._sensors), np.int64)
        self._skip_waiting()

    def push(self, times: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> Rows:
        """Return the times and values that are ready, each (n,) and (n, sensors)."""
        self._pushed += len(values)
        if self.refusal:
            self._counters.skipped += len(values)
            return times[:0], values[:0]
        bad = ~np.isfinite(values).all(axis=1)
        if self._policy == "error" and bad.any():
            first = int(bad.argmax())
            self.refusal = self._refuse(values[first], self._pushed - len(values) + first + 1)
            self._counters.skipped += len(values) - first
            return times[:first], values[:first]
        if not bad.any() and not self._waiting:
            if len(values):
                self._last = values[-1]
                self._ages[:] = 0
                self._all_there()
            return times, values
        return self._row_by_row(times, values, bad)

    def see(self, values: npt.NDArray[np.float64]) -> None:
        """Note which sensors give numbers in readings that do not count, shape (n, sensors): these are not silent."""
        if self._any_missing:
            self.missing_since_s[np.isfinite(values).any(axis=0)] = np.nan

    def end(self) -> None:
        """Skip the readings that still wait for a value."""
        self._skip_waiting()

    def _row_by_row(self, times: npt.NDArray[np.float64], values: npt.NDArray[np.float64], bad: BoolArray) -> Rows:
        kept: list[tuple[float, npt.NDArray[np.float64]]] = []
        for time_s, row, is_bad in zip(times.tolist(), values, bad.tolist(), strict=True):
            if is_bad:
                self._tell(row)
                repaired = self._repair_bad(time_s, row)
                if repaired is not None:
                    kept.append((time_s, repaired))
            else:
                kept += self._interpolated(row)
                kept.append((time_s, row))
                self._last = row
                self._ages[:] = 0
                self._all_there()
        if not kept:
            return np.empty(0), np.empty((0, len(self._sensors)))
        return np.array([time_s for time_s, _ in kept]), np.array([row for _, row in kept])

    def _repair_bad(self, time_s: float, row: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
        if self._policy == "interpolate" and self._last is not None:
            self._waiting.append((time_s, row))
            self._counters.waiting += 1
            if len(self._waiting) > LONGEST_REPAIR:
                self._skip_waiting()
                # What comes before the next whole reading is too far from the last one to draw a line from.
                self._last = None
            return None
        if self._policy == "hold" and self._last is not None:
            return self._held(row, self._last)
        self._counters.skipped += 1
        return None

    def _held(self, row: npt.NDArray[np.float64], last: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
        missing = ~np.isfinite(row)
        self._ages = np.where(missing, self._ages + 1, 0)
        repaired = np.where(missing, last, row)
        self._last = repaired
        if self._ages.max() > LONGEST_REPAIR:
            self._counters.skipped += 1
            return None
        self._counters.held += 1
        return repaired

    def _interpolated(self, after: npt.NDArray[np.float64]) -> list[tuple[float, npt.NDArray[np.float64]]]:
        if not self._waiting or self._last is None:
            return []
        rows = np.array([self._last, *(row for _, row in self._waiting), after])
        steps = np.arange(len(rows))
        for column in rows.T:
            good = np.isfinite(column)
            column[:] = np.interp(steps, steps[good], column[good])
        ready = [(time_s, row) for (time_s, _), row in zip(self._waiting, rows[1:-1], strict=True)]
        self._counters.waiting -= len(ready)
        self._counters.interpolated += len(ready)
        self._waiting = []
        return ready

    def _skip_waiting(self) -> None:
        self._counters.waiting -= len(self._waiting)
        self._counters.skipped += len(self._waiting)
        self._waiting = []

    def _refuse(self, row: npt.NDArray[np.float64], number: int) -> RecordingError:
        name = self._sensors[int(np.isfinite(row).argmin())]
        return RecordingError(
            f"reading {number}: sensor {name!r} has no value. Expected a finite number in every "
            "reading. Mend the sensor, or say what to do: --on-missing skip, hold or interpolate."
        )

    def _all_there(self) -> None:
        if self._any_missing:
            self._any_missing = False
            self.missing_since_s[:] = np.nan

    def _tell(self, row: npt.NDArray[np.float64]) -> None:
        missing, since_s = ~np.isfinite(row), self.missing_since_s
        self._any_missing = True
        np.copyto(since_s, np.where(np.isnan(since_s), time.monotonic(), since_s), where=missing)
        since_s[~missing] = np.nan
        for sensor in np.flatnonzero(missing).tolist():
            name = self._sensors[sensor]
            self._notices.once(
                f"missing {name}", f"sensor {name!r} gave no finite number ({self._policy}; counted from now on)"
            )
