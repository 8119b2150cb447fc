"""Normal windows as the model sees them on a machine whose mean it follows: head and limit are fitted on these.

A mean that follows a drift leaves less of it in the windows than was in the recording. A head that was fitted on what
is left finds faults that the drift would hide.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import FloatArray, IntArray
from edge_runtime.fitting.moments import Floats, deviation_of
from edge_runtime.fitting.scaling import rescaled
from edge_runtime.fitting.stretch_faults import Windows
from edge_runtime.model_file.manifest import DetectorSpec
from edge_runtime.streaming.adaptation.tracking import Moved, Tracker, tracker_of

# The path is gone again from the last mark before a window.
_MARK_EVERY = 256
_STEP_VALUES = 2**20
_MOVABLE = ("standard", "robust")


class _Mark(NamedTuple):
    window: int
    before: Moved


class FollowedWindows:
    """Windows at the mean and scale that a tracker has at each, around the mean at the end; cut when asked for.

    The device starts from that mean. It is the centre of `preprocessing`, so that nothing else has to know of it.
    Where windows do not follow each other, the mean begins anew with that of as many readings as it remembers.

    Parameters
    ----------
    windows : Windows
        As they were read, in time order.
    starts : ndarray of shape (m,), int64
        Numbers of the windows that do not follow the one before them; the first is 0.
    spec : DetectorSpec
        Its mean follows, see `are_followed`.

    Attributes
    ----------
    spec : DetectorSpec
        With the mean at the end of the recording as its centre, and modes that have moved as far.
    shift : ndarray of shape (sensors,), float64
        How far the centre moved.
    """

    def __init__(self, windows: Windows, starts: IntArray, spec: DetectorSpec) -> None:
        tracker = tracker_of(spec)
        if tracker is None:
            raise ValueError("expected a mean that follows. Received: rates of 0.")
        self._windows, self._tracker = windows, tracker
        self._marks, drift = _walked(windows, starts.tolist(), tracker)
        # Both as float32 holds them: the graph takes one away where training took the other.
        before = _as_float32(np.array(spec.preprocessing.center))
        after = _as_float32(before + drift)
        self.shift = after - before
        self.spec = rescaled(spec, replace(spec.preprocessing, center=tuple(after.tolist())))

    @property
    def shape(self) -> tuple[int, ...]:
        """Windows, readings in each, sensors."""
        return self._windows.shape

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, chosen: slice) -> FloatArray:
        """Return successive windows, shape (n, window, sensors), float32."""
        start, stop, _ = chosen.indices(len(self))
        found = np.empty((max(0, stop - start), *self.shape[1:]), np.float32)
        number = bisect.bisect_right(self._marks, start, key=lambda mark: mark.window) - 1
        while start < stop:
            mark = self._marks[number]
            end = self._marks[number + 1].window if number + 1 < len(self._marks) else len(self)
            end = min(end, stop)
            seen = self._seen(self._windows[mark.window : end], mark.before)[start - mark.window :]
            found[len(found) - (stop - start) :][: len(seen)] = seen
            start, number = end, number + 1
        return found

    def blocks(self) -> Iterator[FloatArray]:
        """Yield all windows in blocks of a few megabytes."""
        step = max(1, _STEP_VALUES // math.prod(self.shape[1:]))
        for first in range(0, len(self), step):
            yield self[first : first + step]

    @cached_property
    def deviation(self) -> Floats:
        """Each sensor's standard deviation, shape (sensors,)."""
        return deviation_of(self.blocks())

    def _seen(self, windows: FloatArray, before: Moved) -> FloatArray:
        way = self._tracker.ahead(windows[:, -1], quiet=True, before=before)
        seen = self._tracker.each_as_trained(windows, Moved(way.drift[:-1], way.variance[:-1]))
        return np.asarray(seen + self.shift, np.float32)


def are_followed(spec: DetectorSpec) -> bool:
    """Return whether head and limit are fitted on followed windows.

    The mean of a single sensor shifts with the load: what is left of it has alarms of its own at every shift (on NAB,
    where the score of alarms fell from 51 to 36). A scaling that was not fitted has no centre that could move.
    """
    preprocessing = spec.preprocessing
    return spec.scoring.mean_rate > 0 and preprocessing.sensors > 1 and preprocessing.scaling in _MOVABLE


def _walked(windows: Windows, starts: list[int], tracker: Tracker) -> tuple[list[_Mark], Floats]:
    """Return how far mean and scale had moved before some windows, and the mean after the last one."""
    marks, memory = [], max(1, round(1.0 / tracker.mean_rate))
    for start, stop in zip(starts, [*starts[1:], len(windows)], strict=True):
        tracker.reset()
        settled = tracker.apart(windows[start : min(stop, start + memory)][:, -1]).mean(axis=0)
        tracker.moved = tracker.moved._replace(drift=settled)
        for number in range(start, stop, _MARK_EVERY):
            marks.append(_Mark(number, tracker.moved))
            readings = windows[number : min(stop, number + _MARK_EVERY)][:, -1]
            tracker.moved = Moved(*(rows[-1] for rows in tracker.ahead(readings, quiet=True)))
    return marks, tracker.moved.drift


def _as_float32(values: Floats) -> Floats:
    return values.astype(np.float32).astype(np.float64)
