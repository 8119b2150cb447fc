"""Missing values: refused, skipped, held or interpolated, within bounds, always counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, IntArray, Times
from edge_runtime.common.counters import Counters
from edge_runtime.common.notices import Notices
from edge_runtime.errors import RecordingError, UsageError
from edge_runtime.signal.windows import all_finite

POLICIES = ("error", "skip", "hold", "interpolate")
POLICY_TEXT = (
    "Readings with a missing value: end with an error, leave out, repeat the sensor's last value, or draw a line to "
    "its next one."
)
LONGEST_REPAIR = 10
"""Maximum number of readings in a row to repair: a dead sensor must not look like a steady one."""


class Rows(NamedTuple):
    """Consecutive readings.

    Parameters
    ----------
    numbers : ndarray of shape (n,), int64
        Counted from the first reading.
    times : ndarray of shape (n,), float64
    values : ndarray of shape (n, sensors), float32
    """

    numbers: IntArray
    times: Times
    values: FloatArray

    def part(self, chosen: slice | BoolArray | IntArray) -> Rows:
        """Return some of them."""
        return Rows(self.numbers[chosen], self.times[chosen], self.values[chosen])

    def and_then(self, later: Rows) -> Rows:
        """Return these followed by later ones."""
        return Rows(*(np.concatenate(pair) for pair in zip(self, later, strict=True)))


class Repair:
    """Returns readings without missing values; blocks of any size give the same ones.

    Parameters
    ----------
    policy : str
        ``error`` stops at the first missing value; ``skip`` leaves the reading out; ``hold`` repeats the sensor's last
        value; ``interpolate`` waits for the next complete reading and draws a line. The last two repair at most
        `LONGEST_REPAIR` readings in a row; further ones are skipped.
    sensors : tuple of str
        Names, for messages.
    counters : Counters
    notices : Notices
    place : callable
        Returns the place of a reading, for messages.

    Attributes
    ----------
    missing_since_s : ndarray of shape (sensors,), float64
        Since when each sensor has had no value, by `time.monotonic`; NaN if it has one.
    """

    def __init__(
        self,
        policy: str,
        sensors: tuple[str, ...],
        counters: Counters,
        notices: Notices,
        place: Callable[[int], str],
    ) -> None:
        if policy not in POLICIES:
            raise UsageError(f"expected one of {', '.join(POLICIES)}. Received: {policy!r}")
        self._policy, self._sensors, self._place = policy, sensors, place
        self._counters, self._notices = counters, notices
        self._repairs = {"skip": self._skip, "hold": self._hold, "interpolate": self._interpolate}
        self._waiting = Rows(np.empty(0, np.int64), np.empty(0), np.empty((0, len(sensors)), np.float32))
        self._complaint = self._refused = ""
        self.missing_since_s = np.full(len(sensors), np.nan)
        self.reset()

    def reset(self) -> None:
        """Forget earlier values: none is carried across a gap. Waiting readings are skipped."""
        self._last: FloatArray = np.full(len(self._sensors), np.nan, np.float32)
        self._ages = np.zeros(len(self._sensors), np.int64)
        self._whole: FloatArray | None = None
        self._drop_waiting()

    @property
    def refusal(self) -> RecordingError | None:
        """With ``error``, what to raise once the readings before the problem are handled."""
        wrong = self._complaint or self._refused
        if not wrong:
            return None
        return RecordingError(f"{wrong}. Fix it, or choose what to do: --on-missing skip, hold or interpolate.")

    def push(self, rows: Rows) -> Rows:
        """Return the readings that are ready, which may include earlier ones."""
        if self._refused:
            self._counters.skipped += len(rows.numbers)
            return rows.part(slice(0))
        if not len(self._waiting.numbers) and all_finite(rows.values):
            self._last = self._whole = rows.values[-1]
            self._ages[:] = 0
            self.missing_since_s[:] = np.nan
            return rows
        good = np.isfinite(rows.values)
        bad = ~good.all(axis=1)
        self._note(rows, good)
        if self._policy == "error" and bad.any():
            return self._refuse(rows, int(bad.argmax()))
        return self._repairs.get(self._policy, self._skip)(rows, good)

    def complain(self, complaint: str) -> None:
        """Refuse or report a bad cell or line among the next readings."""
        if self._policy == "error":
            self._complaint = complaint
        else:
            self._notices.once("complaint", f"{complaint} ({self._policy}; counted from now on)")

    def see(self, values: FloatArray) -> None:
        """Note which sensors have values in readings that do not count, shape (n, sensors): they are not silent."""
        self.missing_since_s[np.isfinite(values).any(axis=0)] = np.nan

    def end(self) -> None:
        """Skip the readings still waiting for a value."""
        self._drop_waiting()

    def _refuse(self, rows: Rows, first: int) -> Rows:
        name = self._sensors[int(np.isfinite(rows.values[first]).argmin())]
        self._refused = (
            f"{self._place(int(rows.numbers[first]))}: sensor {name!r} has no value. "
            "Expected a finite number in every reading"
        )
        self._counters.skipped += len(rows.numbers) - first
        return rows.part(slice(first))

    def _skip(self, rows: Rows, good: BoolArray) -> Rows:
        kept = good.all(axis=1)
        self._counters.skipped += int((~kept).sum())
        return rows.part(kept)

    def _hold(self, rows: Rows, good: BoolArray) -> Rows:
        index = np.arange(len(good))[:, None]
        newest = np.maximum.accumulate(np.where(good, index, -1), axis=0)
        ages = np.where(newest >= 0, index - newest, self._ages + index + 1)
        held = np.take_along_axis(rows.values, np.maximum(newest, 0), axis=0)
        held = np.where(newest >= 0, held, self._last)
        kept = np.isfinite(held).all(axis=1) & (ages <= LONGEST_REPAIR).all(axis=1)
        self._last, self._ages = held[-1], ages[-1]
        self._counters.held += int((kept & ~good.all(axis=1)).sum())
        self._counters.skipped += int((~kept).sum())
        return Rows(rows.numbers, rows.times, held).part(kept)

    def _interpolate(self, rows: Rows, good: BoolArray) -> Rows:
        rows = self._waiting.and_then(rows)
        good = np.isfinite(rows.values)
        whole = np.flatnonzero(good.all(axis=1))
        self._counters.waiting -= len(self._waiting.numbers)
        stop = int(whole[-1]) + 1 if len(whole) else 0
        ready = self._between(rows.part(slice(stop)), whole) if stop else rows.part(slice(0))
        self._whole = rows.values[stop - 1] if stop else self._whole
        self._wait(rows.part(slice(stop, None)))
        return ready

    def _wait(self, rows: Rows) -> None:
        if self._whole is None or len(rows.numbers) > LONGEST_REPAIR:
            # The last complete reading is too far away to draw a line from.
            self._counters.skipped += len(rows.numbers)
            self._whole, rows = None, rows.part(slice(0))
        self._waiting = rows
        self._counters.waiting += len(rows.numbers)

    def _between(self, rows: Rows, whole: IntArray) -> Rows:
        """Return the complete readings, and those between two of them with interpolated values."""
        index, before = np.arange(len(rows.numbers)), np.array([], np.int64)
        values = rows.values.astype(np.float64)
        if self._whole is not None:
            index, before = index + 1, np.array([0])
            values = np.concatenate([self._whole[None], values])
        anchors = np.concatenate([before, whole + len(before)])
        for column in values.T:
            good = np.flatnonzero(np.isfinite(column))
            column[:] = np.interp(np.arange(len(column)), good, column[good])
        place = np.searchsorted(anchors, index)
        apart = np.diff(anchors, prepend=anchors[0] - len(values) - LONGEST_REPAIR)[place] - 1
        is_whole = anchors[place] == index
        kept = is_whole | (apart <= LONGEST_REPAIR)
        self._counters.interpolated += int((kept & ~is_whole).sum())
        self._counters.skipped += int((~kept).sum())
        return Rows(rows.numbers, rows.times, values[index].astype(np.float32)).part(kept)

    def _drop_waiting(self) -> None:
        count = len(self._waiting.numbers)
        self._counters.waiting -= count
        self._counters.skipped += count
        self._waiting = self._waiting.part(slice(0))

    def _note(self, rows: Rows, good: BoolArray) -> None:
        """Record which sensors have no values, and since when."""
        since_s, now_s = self.missing_since_s, time.monotonic()
        gone_since_s = np.where(good.any(axis=0) | np.isnan(since_s), now_s, since_s)
        self.missing_since_s = np.where(good[-1], np.nan, gone_since_s)
        if self._policy == "error":
            return  # its error reports it
        for sensor in np.flatnonzero(~good.all(axis=0)).tolist():
            name, first = self._sensors[sensor], int(rows.numbers[good[:, sensor].argmin()])
            self._notices.once(
                f"missing {name}",
                f"{self._place(first)}: sensor {name!r} has no finite value ({self._policy}; counted from now on)",
            )
