"""Raw readings worth keeping: some minutes around every alarm, and stretches spread over the whole time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, IntArray, Times
from edge_runtime.signal.clock import GAP_STEPS

BEFORE_S, AFTER_S = 300.0, 60.0
_FEWEST_BEFORE, _FEWEST_AFTER = 60, 30
_MOST_ROWS, _MOST_BYTES = 1500, 2_000_000
EXCERPT_ROWS, _EXCERPT_BYTES = 600, 500_000
_FEWEST_ROWS = 2
_LONGEST_S = 3600.0
_CHUNK = 300


class Rows(NamedTuple):
    """Raw readings.

    Parameters
    ----------
    numbers : ndarray of shape (n,), int64
        Place of each in the stream.
    times : ndarray of shape (n,), float64
    values : ndarray of shape (n, sensors), float32
    alarms : ndarray of shape (n,), bool
    """

    numbers: IntArray
    times: Times
    values: FloatArray
    alarms: BoolArray

    def part(self, rows: slice) -> Rows:
        """Return some of them."""
        columns: Iterator[Any] = (column[rows] for column in self)
        return Rows(*columns)

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.times)

    @property
    def step_s(self) -> float:
        """Mean step between two; 0 for a single one."""
        return max(0.0, float(self.times[-1] - self.times[0])) / max(1, self.size - 1)


def together(blocks: Iterator[Rows] | deque[Rows] | list[Rows]) -> Rows:
    """Return blocks of readings as one."""
    return Rows(*(np.concatenate(columns) for columns in zip(*blocks, strict=True)))


def stretches(rows: Rows) -> Iterator[Rows]:
    """Yield readings cut wherever some are missing between two, or time jumps."""
    if not rows.size:
        return
    steps, places = np.diff(rows.times), np.diff(rows.numbers)
    forward = steps[steps > 0]
    longest_s = GAP_STEPS * float(np.median(forward)) if len(forward) else np.inf
    usual = int(np.median(places)) if len(places) else 1
    cuts = np.flatnonzero((places != usual) | (steps < 0) | (steps > longest_s)) + 1
    for start, end in zip([0, *cuts.tolist()], [*cuts.tolist(), rows.size], strict=True):
        yield rows.part(slice(start, end))


class Ring:
    """The last minutes of readings.

    Parameters
    ----------
    most_rows : int
    """

    def __init__(self, most_rows: int) -> None:
        self._most_rows = most_rows
        self._blocks: deque[Rows] = deque()
        self._size = 0

    def add(self, rows: Rows) -> None:
        """Take readings; the oldest give way."""
        if not rows.size:
            return
        self._blocks.append(rows.part(slice(-self._most_rows, None)))
        self._size += self._blocks[-1].size
        while self._has_too_many():
            self._size -= self._blocks.popleft().size

    def take(self) -> Rows | None:
        """Return what there is, `BEFORE_S` and no more, and forget it."""
        if not self._size:
            return None
        rows = together(self._blocks).part(slice(-self._most_rows, None))
        self._blocks.clear()
        self._size = 0
        recent = rows.times >= rows.times[-1] - BEFORE_S
        recent[-_FEWEST_BEFORE:] = True
        return rows.part(slice(int(recent.argmax()), None))

    def _has_too_many(self) -> bool:
        left = self._size - self._blocks[0].size
        old = self._blocks[0].times[-1] < self._blocks[-1].times[-1] - BEFORE_S
        return left >= self._most_rows or (left >= _FEWEST_BEFORE and bool(old))


class AlarmCapture:
    """Readings before an alarm, from its beginning, and around its end.

    Parameters
    ----------
    sensors, most_bytes : int
    """

    def __init__(self, sensors: int, most_bytes: int = _MOST_BYTES) -> None:
        self._most = max(_FEWEST_BEFORE, min(_MOST_ROWS, min(_MOST_BYTES, most_bytes) // (4 * sensors)))
        self._ring = Ring(self._most)
        self._blocks: list[Rows] = []
        self._wanted = 0

    def add(self, rows: Rows) -> list[Rows]:
        """Take readings; return those that are to be kept now."""
        wanted = min(self._wanted, rows.size)
        self._wanted -= wanted
        self._ring.add(rows.part(slice(wanted, None)))
        if wanted:
            self._blocks.append(rows.part(slice(0, wanted)))
        waiting = sum(block.size for block in self._blocks)
        return self.flush() if waiting >= _CHUNK or (waiting and not self._wanted) else []

    def start(self) -> list[Rows]:
        """Begin an alarm with the last reading that came; return the readings before it."""
        found = self.flush()
        self._wanted = self._most
        before = self._ring.take()
        return found if before is None else [*found, before]

    def end(self) -> list[Rows]:
        """End the alarm with the last reading that came; return the readings before its end, if they are not kept."""
        last = None if self._wanted else self._ring.take()
        found = [*self.flush(), *([] if last is None else [last])]
        step_s = found[-1].step_s if found else 0.0
        after = AFTER_S / step_s if step_s else float(_FEWEST_AFTER)
        self._wanted = int(min(max(after, _FEWEST_AFTER), self._most))
        return found

    def flush(self) -> list[Rows]:
        """Return what waits to be kept."""
        blocks, self._blocks = self._blocks, []
        return [together(blocks)] if blocks else []


class ExcerptCapture:
    """Stretches of consecutive readings, one whenever one is due.

    Parameters
    ----------
    sensors, most_bytes : int

    Attributes
    ----------
    pause_s : float
        Time from the beginning of one to the beginning of the next, at least, by the computer's monotonic clock.
    """

    def __init__(self, sensors: int, most_bytes: int = _EXCERPT_BYTES) -> None:
        self.pause_s = 0.0
        self._rows = max(_FEWEST_BEFORE, min(EXCERPT_ROWS, min(_EXCERPT_BYTES, most_bytes) // (4 * sensors)))
        self._blocks: list[Rows] = []
        self._began_s = -np.inf

    def add(self, rows: Rows, now_s: float) -> list[Rows]:
        """Take readings; return the excerpts that are complete."""
        found = []
        while rows.size:
            if not self._blocks:
                if now_s - self._began_s < self.pause_s:
                    break
                self._began_s = now_s
            missing = self._rows - sum(block.size for block in self._blocks)
            self._blocks.append(rows.part(slice(0, missing)))
            rows = rows.part(slice(missing, None))
            if self._blocks and (self._waiting >= self._rows or now_s - self._began_s >= _LONGEST_S):
                found += self.flush()
        return found

    def flush(self) -> list[Rows]:
        """Return what waits to be kept, cut where readings are missing."""
        blocks, self._blocks = self._blocks, []
        return [part for part in stretches(together(blocks)) if part.size >= _FEWEST_ROWS] if blocks else []

    @property
    def _waiting(self) -> int:
        return sum(block.size for block in self._blocks)
