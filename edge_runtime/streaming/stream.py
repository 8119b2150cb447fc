"""Readings in, results out: what `saelite run` does to each block of readings."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import InputShapeError
from edge_runtime.inference.detector import Detector
from edge_runtime.signal.only_when import condition_of, runs
from edge_runtime.signal.repair import Repair
from edge_runtime.signal.rolling_windows import RollingWindows
from edge_runtime.signal.steady_time import LONGEST_STEP_S
from edge_runtime.sources.source import Readings
from edge_runtime.streaming.adaptation.drift import DriftMeter
from edge_runtime.streaming.alarm import TOP_SENSORS, AlarmLogic, AlarmSettings
from edge_runtime.streaming.alarm_rate import WatchedTime, alarms_text
from edge_runtime.streaming.checks import SensorWatch, StreamClock, filled_times
from edge_runtime.streaming.judging import AdaptationSettings
from edge_runtime.streaming.parts import Off, Part, alarms_over
from edge_runtime.streaming.results import Counters, Notices, Results, no_results
from edge_runtime.streaming.scoring import Scorer
from edge_runtime.streaming.state import SCHEMA, StreamState

_DRIFT_WINDOW = 512
# Asked for before tflite-runtime is loaded: on ARM it makes the processor take subnormal numbers for zero, and numpy
# warns of it.
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class StreamSettings:
    """How a stream is watched.

    Parameters
    ----------
    alarm : AlarmSettings
    adaptation : AdaptationSettings
    on_missing : str
        See `edge_runtime.signal.repair`.
    stuck_after : int
        Equal values in a row that make a sensor stuck; 0 never does.
    only_when : str, optional
        Which readings count, see `edge_runtime.signal.only_when`; None as the model file says, empty for all.
    """

    alarm: AlarmSettings = field(default_factory=AlarmSettings)
    adaptation: AdaptationSettings = field(default_factory=AdaptationSettings)
    on_missing: str = "skip"
    stuck_after: int = 0
    only_when: str | None = None


class Stream:
    """Turns readings into results, block by block; a block of one is a live reading.

    Parameters
    ----------
    detector : Detector
    settings : StreamSettings
    tell : callable
        Told, once each, what is wrong with the readings.
    """

    def __init__(
        self, detector: Detector, settings: StreamSettings | None = None, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.settings = settings or StreamSettings()
        self.counters = Counters()
        self.notices = Notices(tell)
        self.sensors = detector.sensor_names
        self.alarm = AlarmLogic(self.settings.alarm, self.sensors)
        self._watched = WatchedTime()
        self._clock = StreamClock(self.counters, self.notices)
        self._repair = Repair(self.settings.on_missing, self.sensors, self.counters, self.notices)
        preprocessing = detector.manifest.spec.preprocessing
        self._rolling = RollingWindows(preprocessing.window, preprocessing.stride, len(self.sensors))
        self._install(detector)

    def _install(self, detector: Detector) -> None:
        manifest = detector.manifest
        preprocessing = manifest.spec.preprocessing
        self.detector = detector
        self.scorer = Scorer(detector, self.settings.adaptation, self.settings.alarm.exit_ratio)
        chosen = self.settings.only_when
        self._only_when = detector.only_when if chosen is None else condition_of(chosen, self.sensors)
        limit = manifest.drift
        self.drift = DriftMeter(manifest.mean_activation, limit.window if limit else _DRIFT_WINDOW)
        self.drift_limit = limit.limit if limit else math.inf
        self._watch = SensorWatch(preprocessing, self.sensors, self.settings.stuck_after, self.counters, self.notices)

    def use(self, detector: Detector) -> None:
        """Go on with another model of the same sensors; the readings in the window stay.

        Raises
        ------
        InputShapeError
            If its sensors differ; then nothing has changed.
        """
        if detector.sensor_names != self.sensors:
            raise InputShapeError(
                f"expected a model of the same sensors in the same order: {', '.join(self.sensors)}. "
                f"Received: {', '.join(detector.sensor_names)}. Stop, and start with the new model."
            )
        preprocessing = detector.manifest.spec.preprocessing
        kept = self._rolling.kept
        self._rolling = RollingWindows(preprocessing.window, preprocessing.stride, len(self.sensors))
        self._rolling.kept = kept[max(0, len(kept) - preprocessing.window + 1) :]
        self._install(detector)

    def push(self, readings: Readings) -> Results:
        """Return the results of some readings; with the policy ``error``, of those before the first missing value."""
        self.counters.read += len(readings)
        self.counters.lost += readings.lost
        if readings.lost:
            self.notices.once("lost", "something that is no reading came in (counted as lost from now on)")
        if not len(readings):
            return self._results([])
        times, own = filled_times(readings.times)
        breaks = self._clock.breaks(times, own=own)
        parts: list[Part | Off] = []
        for number, rows in enumerate(np.split(np.arange(len(times)), breaks)):
            if number:
                self._start_anew()
            if len(rows):
                parts += self._parts(times[rows], readings.values[rows])
        return self._results(parts)

    def _start_anew(self) -> None:
        """Let no window, and no repaired value, reach over what is missing here."""
        self._watched.pause()
        self._rolling.reset()
        self._repair.reset()

    def _parts(self, times: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> Iterator[Part | Off]:
        """Score the readings that count."""
        if self._only_when is None:
            yield self._push(times, values)
            return
        for rows, is_on in runs(self._only_when.is_on(values)):
            if is_on:
                yield self._push(times[rows], values[rows])
            else:
                self.counters.off += len(times[rows])
                self._start_anew()
                self._repair.see(values[rows])
                yield Off(float(times[rows][0]))

    def raise_refusal(self) -> None:
        """Raise what is wrong with the readings pushed, when the results of those before are in safety.

        Raises
        ------
        RecordingError
            If a value was missing and the policy is ``error``.
        """
        if self._repair.refusal:
            raise self._repair.refusal

    @property
    def missing_since_s(self) -> npt.NDArray[np.float64]:
        """Since when each sensor has given no number, by `time.monotonic`; NaN where it does."""
        return self._repair.missing_since_s

    def end(self) -> None:
        """Count what can no longer be scored."""
        self._repair.end()

    def summary(self) -> str:
        """Return one line for people: where every reading went, how often it alarmed, and what came of `adapt`."""
        spot = self.scorer.judge.spot
        parts = [self.counters.text(), alarms_text(self.counters.alarms, self._watched.total_s)]
        return "; ".join(parts if spot is None else [*parts, spot.text()])

    def _push(self, times: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> Part:
        with np.errstate(over="ignore", invalid="ignore"):
            # What does not fit into float32 is no value either.
            narrow = np.where(np.abs(values) < _LARGEST, values, np.nan)
        times, values = self._repair.push(times, narrow)
        if len(values):
            self._watch.look_at(values)
        windows, ends = self._rolling.push(values.astype(np.float32))
        with np.errstate(over="ignore", invalid="ignore"):
            # Values near float32's end are finite, their squares are not; the graph limits them.
            scored = self.scorer.score(windows)
        self.counters.scored += len(windows)
        self.counters.filling += len(values) - len(windows)
        self._watched.add(times[ends])
        return Part(times[ends], scored)

    def _results(self, parts: list[Part | Off]) -> Results:
        alarms, events, event_rows = alarms_over(self.alarm, parts, time.monotonic())
        self.counters.alarms += sum(event.name == "alarm_started" for event in events)
        scored = [part for part in parts if isinstance(part, Part)]
        if not scored:
            return replace(no_results(self.sensors), events=events, event_rows=event_rows)
        times = np.concatenate([part.times for part in scored])
        scores = np.concatenate([part.scored.scores for part in scored])
        thresholds = np.concatenate([part.scored.thresholds for part in scored])
        contributions = np.concatenate([part.scored.contributions for part in scored])
        drifts = self._drifts(np.concatenate([part.scored.codes for part in scored]))
        self.counters.above += int((scores > thresholds).sum())
        top = np.argsort(-contributions, axis=1)[:, :TOP_SENSORS]
        return Results(
            times,
            scores,
            thresholds,
            alarms,
            drifts,
            top,
            np.take_along_axis(contributions, top, axis=1),
            self.sensors,
            events,
            event_rows,
        )

    def _drifts(self, codes: FloatArray) -> FloatArray:
        units = len(self.detector.manifest.mean_activation)
        if not units or codes.shape[1] != units:
            return np.full(len(codes), np.nan, np.float32)
        drifts = self.drift.update_many(codes)
        if self.drift.value > self.drift_limit:
            self.notices.once(
                "drift",
                f"drift {self.drift.value:.3g} is above its limit {self.drift_limit:.3g}: the machine works in a way "
                "the model has not seen. Train it again if this is the new normal.",
            )
        return drifts

    @property
    def state(self) -> StreamState:
        """All that is remembered, to go on from after a restart."""
        judge = self.scorer.judge
        return StreamState(
            schema=SCHEMA,
            model_sha256=self.detector.manifest.flatbuffer_sha256,
            saved_s=time.time(),
            threshold=judge.threshold,
            window=tuple(tuple(row) for row in self._rolling.kept.tolist()),
            ahead=self._rolling.ahead,
            last_time_s=_finite(self._clock.last_s),
            usual_step_s=_finite(self._clock.step_s),
            smoothed=judge.smoother.level,
            alarm=self.alarm.state,
            drift=self.drift.state,
            spot=None if judge.spot is None else judge.spot.state,
            mean_drift=() if judge.tracker is None else tuple(judge.tracker.drift.tolist()),
        )

    def restore(self, state: StreamState) -> None:
        """Go on from a state; one of another model is passed over, and said so."""
        longest = self._rolling.window + self._rolling.stride
        fits = len(state.window) < longest and all(len(row) == len(self.sensors) for row in state.window)
        if state.model_sha256 != self.detector.manifest.flatbuffer_sha256 or not fits:
            self.notices.once("state", "the saved state belongs to another model: starting anew")
            return
        judge = self.scorer.judge
        self._rolling.kept = np.array(state.window, np.float32).reshape(-1, len(self.sensors))
        self._rolling.ahead = max(0, min(state.ahead, self._rolling.stride))
        self._clock.last_s = _past(state.last_time_s)
        self._clock.step_s = math.nan if state.usual_step_s is None else state.usual_step_s
        judge.smoother.level = state.smoothed
        self.alarm.state = replace(state.alarm, last_s=_finite(_past(state.alarm.last_s)))
        self.drift.state = state.drift
        if judge.spot is not None and state.spot is not None:
            judge.spot.state = state.spot
        if judge.tracker is not None and len(state.mean_drift) == len(self.sensors):
            judge.tracker.drift = np.array(state.mean_drift, np.float32)


def _past(time_s: float | None) -> float:
    """Return a time from a state file; NaN where it lies in the future, as after a reading with a wrong time."""
    return math.nan if time_s is None or time_s > time.time() + LONGEST_STEP_S else time_s


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
