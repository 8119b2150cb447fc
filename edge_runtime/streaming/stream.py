"""The memory of one machine: its window, its smoothed score, and the mean, scale and threshold that adapt to it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray, IntArray, Times
from edge_runtime.errors import InputShapeError, UsageError
from edge_runtime.inference.inputs import InputReader, Reading
from edge_runtime.signal.cycle import without_course
from edge_runtime.signal.only_when import Condition, runs
from edge_runtime.signal.windows import WindowBuffer, all_finite
from edge_runtime.streaming.adaptation.spot import SpotState
from edge_runtime.streaming.adaptation.tracking import Moved
from edge_runtime.streaming.blame import joined_evidence
from edge_runtime.streaming.judging import AdaptationSettings, Judge
from edge_runtime.streaming.scores import Scores
from edge_runtime.streaming.wanted import Wanted

if TYPE_CHECKING:
    from edge_runtime.inference.detector import Detector


class Result(NamedTuple):
    """A stream's result for one window.

    Parameters
    ----------
    score : float
        Smoothed score; higher is more anomalous.
    threshold : float
        Limit of the score.
    is_anomaly : bool
        ``score > threshold``.
    """

    score: float
    threshold: float
    is_anomaly: bool


class Memory(NamedTuple):
    """Everything that a stream remembers.

    Parameters
    ----------
    window : tuple of tuple of float
        The readings later windows still need, oldest first, without the usual course of the day.
    until_due : int
        Number of readings until a window is complete.
    smoothed : float or None
        The smoothed score.
    blame : tuple of float
        The smoothed contributions; empty if there are none.
    spot : SpotState or None
    mean_drift : tuple of float
        How far the tracked mean has moved, per sensor.
    variance : tuple of float
        The tracked variance as a multiple of training's, per sensor.
    alarm_height : float or None
        See `edge_runtime.streaming.adaptation.alarm_height.AlarmHeight`; None for an infinite one.
    """

    window: tuple[tuple[float, ...], ...] = ()
    until_due: int = 1
    smoothed: float | None = None
    blame: tuple[float, ...] = ()
    spot: SpotState | None = None
    mean_drift: tuple[float, ...] = ()
    variance: tuple[float, ...] = ()
    alarm_height: float | None = None


class Stream:
    """Scores the successive readings of one machine; `Detector.stream` makes one.

    A stream belongs to one machine and one thread. Any number of streams may share a detector.

    Parameters
    ----------
    detector : Detector
    adaptation : AdaptationSettings, optional
        What adapts to the machine; by default as the model file says.
    wanted : Wanted
        What `update_many` returns besides scores.
    only_when : Condition, optional
        Which readings count.

    Examples
    --------
    >>> from edge_runtime import Detector
    >>> stream = Detector.load("pump.tflite").stream()
    >>> stream.update([33.0, 103_000.0, 1.6, 0.003]) is None  # its windows are of two readings
    True
    >>> stream.update({"flow": 33.2, "pressure": 103_100.0, "current": 1.6, "vibration": 0.003})
    Result(score=4.2078, threshold=30.0, is_anomaly=False)
    >>> stream.update([33.1, 150_000.0, 1.6, 0.003]).is_anomaly
    True
    >>> contributions = stream.explain()
    >>> max(contributions, key=contributions.get)
    'pressure'
    """

    def __init__(
        self,
        detector: Detector,
        adaptation: AdaptationSettings | None = None,
        wanted: Wanted | None = None,
        only_when: Condition | None = None,
    ) -> None:
        preprocessing = detector.spec.preprocessing
        self.detector, self._only_when = detector, only_when
        self._inputs = InputReader(detector.sensor_names, preprocessing.window)
        self._buffer = WindowBuffer(preprocessing.window, preprocessing.stride, preprocessing.sensors)
        self._judge = Judge(detector, adaptation or AdaptationSettings(), wanted or Wanted())
        self._as_trained = np.empty((preprocessing.window, preprocessing.sensors), np.float32)
        self._last_window: FloatArray | None = None

    @property
    def threshold(self) -> float:
        """The current limit of the smoothed score."""
        return self._judge.threshold

    def update(self, reading: Reading, time_s: float | None = None) -> Result | None:
        """Add one reading; return the result of the window it completes, or None.

        A reading outside the model's ``--only-when`` also returns None, and the next window starts after it.

        Parameters
        ----------
        reading : sequence of float in the manifest's order, or mapping by sensor name
        time_s : float, optional
            When it was made, seconds since the epoch, for a model that takes the usual course of the day away. By
            default now.

        Raises
        ------
        InputShapeError
            If a sensor is missing, or a value is not a finite number.
        """
        row = self._inputs.row(reading)
        if self._only_when is not None and not self._only_when.is_on(row[None])[0]:
            self._buffer.clear()
            return None
        judge, tracker = self._judge, self._judge.tracker
        if judge.course is not None:
            row = judge.course.left_of(row, time_s)
        window = self._buffer.push(row)
        if window is None:
            return None
        if tracker is None:
            self._last_window = window
            score, threshold = judge.hold(self.detector.score_one(window[None]))
        else:
            self._last_window = tracker.as_trained(window, out=self._as_trained)
            score, threshold = judge.hold(self.detector.score_one(self._as_trained[None]))
            tracker.follow(row, quiet=judge.alarm_height.take(score, threshold))
        return Result(score, threshold, score > threshold)

    def update_many(self, rows: npt.ArrayLike, times: npt.ArrayLike | None = None) -> Scores:
        """Add successive readings; return the results of the windows they complete, the same as `update` returns.

        Parameters
        ----------
        rows : array-like of shape (n, sensors)
        times : array-like of shape (n,), optional
            When each was made, seconds since the epoch, see `update`.

        Raises
        ------
        InputShapeError
            If the number of sensors or of times differs, or a value is not a finite number.
        """
        values = np.asarray(rows, np.float32)
        if values.ndim != 2 or values.shape[1] != len(self.detector.sensor_names) or not all_finite(values):
            raise InputShapeError(
                f"expected finite readings of shape (n, {len(self.detector.sensor_names)}). "
                f"Received: shape {values.shape}{'' if values.ndim != 2 else ', possibly with missing values'}."
            )
        made = self._times(times, len(values))
        if self._only_when is None or not len(values):
            return self._push(values, made)
        return _joined(list(self._push_working(values, made, self._only_when)))

    def explain(self) -> dict[str, float]:
        """Return each sensor's contribution to the raw score of the last window that `update` scored.

        Raises
        ------
        UsageError
            If no window was scored yet.
        """
        if self._last_window is None:
            raise UsageError("nothing to explain yet: no window was scored by update().")
        return self.detector.explain(self._last_window)

    def pause(self) -> None:
        """Start a new window with the next reading, as after a gap in time."""
        self._buffer.clear()

    def reset(self) -> None:
        """Forget everything: the window's readings, the smoothed score, and the movement of mean and scale."""
        self._buffer.clear()
        self._judge.reset()
        self._last_window = None

    @property
    def memory(self) -> Memory:
        """Everything that is remembered; setting it resumes from there."""
        judge = self._judge
        blame = judge.blame
        moved = None if judge.tracker is None else judge.tracker.moved
        return Memory(
            tuple(tuple(row) for row in self._buffer.kept.tolist()),
            self._buffer.until_due,
            judge.smoother.level,
            () if blame is None else tuple(blame.tolist()),
            None if judge.spot is None else judge.spot.state,
            () if moved is None else tuple(moved.drift.tolist()),
            () if moved is None else tuple(moved.variance.tolist()),
            None if math.isinf(judge.alarm_height.highest) else judge.alarm_height.highest,
        )

    @memory.setter
    def memory(self, memory: Memory) -> None:
        judge, sensors = self._judge, len(self.detector.sensor_names)
        self._buffer.restore(np.array(memory.window, np.float32).reshape(-1, sensors), memory.until_due)
        judge.smoother.level = memory.smoothed
        judge.blame = np.array(memory.blame) if len(memory.blame) == sensors else None
        if judge.spot is not None and memory.spot is not None:
            judge.spot.state = memory.spot
        if judge.tracker is not None and len(memory.mean_drift) == sensors:
            variance = memory.variance if len(memory.variance) == sensors else np.ones(sensors)
            judge.tracker.moved = Moved(np.array(memory.mean_drift), np.array(variance))
            judge.alarm_height.highest = math.inf if memory.alarm_height is None else memory.alarm_height

    def fits(self, memory: Memory) -> bool:
        """Return whether a memory can belong to such a stream."""
        sensors = len(self.detector.sensor_names)
        return len(memory.window) < self._buffer.window and all(len(row) == sensors for row in memory.window)

    def spot_text(self) -> str:
        """Return the result of an adaptive threshold as text; empty if it is fixed."""
        return "" if self._judge.spot is None else self._judge.spot.text()

    def _times(self, times: npt.ArrayLike | None, count: int) -> Times | None:
        """Return the time of each reading; None for a model that needs none."""
        if self._judge.course is None:
            return None
        made = np.full(count, time.time()) if times is None else np.asarray(times, np.float64)
        if made.shape != (count,):
            raise InputShapeError(f"expected a time for each of {count} readings. Received: shape {made.shape}.")
        return made

    def _push(self, rows: FloatArray, times: Times | None) -> Scores:
        with np.errstate(over="ignore", invalid="ignore"):
            # Values near float32's limit are finite, their squares are not; the graph limits them.
            rows = rows if times is None else without_course(rows, times, self._judge.course)
            windows, ends = self._buffer.push_many(rows)
            return self._judge.look_at(windows, ends, None if times is None else times[ends])

    def _push_working(
        self, rows: FloatArray, times: Times | None, condition: Condition
    ) -> Iterator[tuple[int, Scores]]:
        for chosen, is_on in runs(condition.is_on(rows)):
            if is_on:
                yield chosen.start, self._push(rows[chosen], None if times is None else times[chosen])
            else:
                self.pause()
                yield chosen.start, self._push(rows[:0], None if times is None else times[:0])


def _joined(parts: list[tuple[int, Scores]]) -> Scores:
    ends: IntArray = np.concatenate([start + part.ends for start, part in parts])
    scores, thresholds, codes = (
        np.concatenate([getattr(part, name) for _, part in parts]) for name in ("scores", "thresholds", "codes")
    )
    return Scores(ends, scores, thresholds, codes, joined_evidence([part.evidence for _, part in parts]))
