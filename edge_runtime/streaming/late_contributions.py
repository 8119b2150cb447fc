"""Contributions computed where they are wanted: near scores that somebody looks at, which are few."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.signal.smoothing import Smoother
from edge_runtime.signal.windows import all_finite
from edge_runtime.streaming.scores_windows import ScoresWindows
from edge_runtime.streaming.seen_windows import Rows, SeenWindows

_CHUNK = 4096


class LateContributions:
    """Smoothed contributions of some windows, the same as if those of all windows had been computed and smoothed.

    Wanted are those from a score above the threshold on until one is low: no alarm lasts longer. A smoothed value needs
    only as many windows before it as its average remembers. So these are kept, and run again when there is something
    to explain. On a quiet machine nothing is.

    Parameters
    ----------
    detector : ScoresWindows
        A model that gives contributions itself.
    low : float
        Scores at or below this multiple of the threshold are low.
    """

    def __init__(self, detector: ScoresWindows, low: float) -> None:
        self._detector = detector
        self._smoother = Smoother(detector.spec.scoring.smoothing_span, detector.threshold)
        self._low, self._is_odd = low, False
        self._memory = self._smoother.memory
        self._before: list[SeenWindows] = []
        self._level_before: FloatArray | None = None

    def look_at(self, seen: SeenWindows, scores: FloatArray, thresholds: FloatArray) -> FloatArray:
        """Return the contributions to some scores, shape (n, sensors); zeros where they are not wanted."""
        rows = self._wanted(scores, thresholds)
        found = np.zeros((len(seen), seen.windows.shape[2]), np.float32)
        earlier = sum(map(len, self._before))
        self._before.append(seen)
        for part in np.split(rows, np.flatnonzero(np.diff(rows) > self._memory) + 1) if len(rows) else ():
            first, stop = earlier + int(part[0]), earlier + int(part[-1]) + 1
            found[part] = self._smoothed(first, stop)[part - part[0]]
        while len(self._before) > 1 and sum(map(len, self._before[1:])) >= self._memory:
            self._before.pop(0)
            self._level_before = None  # has no weight any more
        return found

    def _wanted(self, scores: FloatArray, thresholds: FloatArray) -> Rows:
        above, was_odd = scores > thresholds, self._is_odd
        if not len(scores) or not (was_odd or above.any()):
            return np.empty(0, np.intp)
        numbers = np.arange(len(scores))
        last_low, last_above = (
            np.maximum.accumulate(np.where(holds, numbers, -1)) for holds in (scores <= self._low * thresholds, above)
        )
        odd = (last_above > last_low) | (was_odd & (last_low < 0))
        self._is_odd = bool(odd[-1])
        return np.flatnonzero(odd)

    @property
    def level(self) -> FloatArray | None:
        """The smoothed contributions of the last window; None before the first. Setting it resumes from there."""
        count = sum(map(len, self._before))
        return self._smoothed(count - 1, count)[-1] if count else self._level_before

    @level.setter
    def level(self, level: FloatArray | None) -> None:
        self._before, self._level_before, self._is_odd = [], level, True

    def _smoothed(self, first: int, stop: int) -> FloatArray:
        """Return the smoothed contributions of successive windows, counted from the first that is kept."""
        start = max(0, first - self._memory)
        self._smoother.level = None if start else self._level_before
        raw = np.concatenate([self._raw(seen, rows) for seen, rows in self._pieces(start, stop)])
        if first > start:
            self._smoother.pass_by(raw[: first - start])
        return self._smoother.update_many(raw[first - start :])

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[SeenWindows, slice]]:
        first = 0
        for seen in self._before:
            own = range(max(start - first, 0), min(stop - first, len(seen)))
            for chunk in range(own.start, own.stop, _CHUNK):
                yield seen, slice(chunk, min(chunk + _CHUNK, own.stop))
            first += len(seen)

    def _raw(self, seen: SeenWindows, rows: slice) -> FloatArray:
        return finite(self._detector.outputs_many(seen.chosen(rows).as_trained, ("contributions",))["contributions"])


def finite(contributions: FloatArray) -> FloatArray:
    """Return contributions as finite numbers: those of an unlimited window can overflow, and JSON has no infinity."""
    return contributions if all_finite(contributions) else np.nan_to_num(contributions)
