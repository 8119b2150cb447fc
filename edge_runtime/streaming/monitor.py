"""Readings in, results and alarms out: the path of `saelite score` and `saelite run` alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, joined
from edge_runtime.common.counters import Counters
from edge_runtime.common.notices import Notices
from edge_runtime.errors import InputShapeError, UsageError
from edge_runtime.inference.detector import Detector
from edge_runtime.signal.intake import Intake, Off, Stretch
from edge_runtime.signal.only_when import Condition, condition_of
from edge_runtime.signal.readings import Readings
from edge_runtime.signal.steady_time import LONGEST_STEP_S
from edge_runtime.signal.windows import as_slice
from edge_runtime.streaming.adaptation.drift import DriftMeter
from edge_runtime.streaming.alarm import AlarmLogic, event_rows
from edge_runtime.streaming.alarm_events import AlarmEvent
from edge_runtime.streaming.alarm_rate import WatchedTime, alarms_text
from edge_runtime.streaming.blame import SensorFacts, joined_evidence
from edge_runtime.streaming.monitor_settings import MonitorSettings
from edge_runtime.streaming.results import Results, no_results
from edge_runtime.streaming.scores import Scores
from edge_runtime.streaming.sensor_watch import SensorWatch
from edge_runtime.streaming.state import SCHEMA, StreamState
from edge_runtime.streaming.stream import Stream

_DRIFT_WINDOW = 512


class Learns(Protocol):
    """Takes the readings of a machine that is being learnt."""

    def take(self, stretch: Stretch) -> None:
        """Take consecutive readings."""

    def pause(self) -> None:
        """Let the next reading follow none."""


class Monitor:
    """Watches one machine: turns readings into results, block by block. A live reading is a block of one.

    Blocks of any size give the same results.

    Parameters
    ----------
    detector : Detector
    settings : MonitorSettings, optional
    tell : callable
        Called with a message, once per kind of problem with the readings.
    live : bool
        Whether readings arrive as they are made; False for a recording.
    place : callable, optional
        Returns the place of a reading, for messages.

    Attributes
    ----------
    learner : Learns or None
        Takes all readings that are scored; while there is one, nothing is an alarm.
    """

    def __init__(
        self,
        detector: Detector,
        settings: MonitorSettings | None = None,
        tell: Callable[[str], None] = lambda _: None,
        *,
        live: bool = True,
        place: Callable[[int], str] | None = None,
    ) -> None:
        self.settings = settings or MonitorSettings()
        self.counters, self.notices = Counters(), Notices(tell)
        self.sensors = detector.sensor_names
        self.alarm = AlarmLogic(self.settings.alarm, SensorFacts.of(detector))
        self.learner: Learns | None = None
        self._live, self._watched, self._is_timed = live, WatchedTime(), True
        self._intake = Intake(
            self.sensors,
            self.settings.on_missing,
            self._condition(detector),
            self.counters,
            self.notices,
            live=live,
            place=place,
        )
        self._install(detector)

    def _condition(self, detector: Detector) -> Condition | None:
        chosen = self.settings.only_when
        return detector.only_when if chosen is None else condition_of(chosen, self.sensors)

    def _install(self, detector: Detector) -> None:
        manifest, settings = detector.manifest, self.settings
        self.detector, self.alarm.sensors = detector, SensorFacts.of(detector)
        self._stream = Stream(detector, settings.adaptation, settings.wanted)
        limit = manifest.drift
        self.drift = DriftMeter(manifest.mean_activation, limit.window if limit else _DRIFT_WINDOW)
        self.drift_limit = limit.limit if limit else math.inf
        self._sensor_watch = SensorWatch(manifest.spec, settings.stuck_after, self.counters, self.notices)

    def use(self, detector: Detector) -> None:
        """Switch to another model with the same sensors; the readings in the window are kept.

        Raises
        ------
        InputShapeError
            If its sensors differ; nothing changes then.
        """
        if detector.sensor_names != self.sensors:
            raise InputShapeError(
                f"expected a model of the same sensors in the same order: {', '.join(self.sensors)}. "
                f"Received: {', '.join(detector.sensor_names)}. Stop, and start with the new model."
            )
        self._intake.use(self._condition(detector))
        # What is kept is without the usual course of the day: of no use where the other model's is another one.
        kept = self._stream.memory.window if detector.spec.cycles == self.detector.spec.cycles else ()
        self._install(detector)
        newest = kept[max(0, len(kept) - detector.spec.preprocessing.window + 1) :]
        self._stream.memory = self._stream.memory._replace(window=newest, until_due=1)

    def push(self, readings: Readings) -> Results:
        """Return the results of some readings; with the policy ``error``, of those before the first missing value.

        Raises
        ------
        UsageError
            If an alarm option is a duration, or the model follows the time of day, and a recording has no times.
        """
        if not self._live and self._is_timed and len(readings):
            self._is_timed = bool(np.isfinite(readings.times).any())
            self._check_time()
        pieces = self._intake.push(readings)
        computer_s = time.monotonic() if self._live else None
        return self._results(
            [self._off(piece) if isinstance(piece, Off) else self._score(piece) for piece in pieces], computer_s
        )

    def _check_time(self) -> None:
        alarm = self.settings.alarm
        if not self._is_timed and self.learner is not None:
            raise UsageError("--learn takes a time: expected readings with times. The recording has no time column.")
        if not self._is_timed and (alarm.min_duration_s or alarm.cool_down_s):
            raise UsageError("--min-duration and --cool-down need a time column, which the recording does not have.")
        if not self._is_timed and self.detector.spec.cycles:
            raise UsageError(
                "the model compares with what is usual at the time of day. Expected a recording with a time column. "
                "Received: one without. Record the time as well."
            )

    def _off(self, off: Off) -> Off:
        if self.learner is not None:
            self.learner.pause()
        self._watched.pause()
        self._stream.pause()
        return off

    def _score(self, stretch: Stretch) -> tuple[Stretch, Scores]:
        if not stretch.follows:
            self._watched.pause()
            self._stream.pause()
        if self.learner is not None:
            self.learner.take(stretch)
        else:
            self._sensor_watch.look_at(stretch.rows.values)
        scores = self._stream.update_many(stretch.rows.values, stretch.rows.times)
        self.counters.scored += len(scores.ends)
        self.counters.filling += len(stretch.rows.values) - len(scores.ends)
        if self._is_timed:
            self._watched.add(stretch.rows.times[as_slice(scores.ends)])
        return stretch, scores

    def raise_refusal(self) -> None:
        """Raise the problem of the readings pushed, once the results of earlier ones are saved.

        Raises
        ------
        RecordingError
            If a value was missing and the policy is ``error``.
        """
        if self._intake.repair.refusal:
            raise self._intake.repair.refusal

    @property
    def usual_step_s(self) -> float | None:
        """Usual seconds from one reading to the next; None until known."""
        return _finite(self._intake.clock.usual_s)

    @property
    def missing_since_s(self) -> FloatArray:
        """Since when each sensor has had no value, by `time.monotonic`; NaN if it has one."""
        return self._intake.repair.missing_since_s

    def end(self) -> None:
        """Count the readings that can no longer be scored."""
        self._intake.repair.end()

    @property
    def alarms_text(self) -> str:
        """The number of alarms and their rates, as text."""
        return alarms_text(self.counters.alarms, self._watched.total_s)

    @property
    def watched_s(self) -> float:
        """Time over which windows were scored; 0 if the readings have no times."""
        return self._watched.total_s

    @property
    def spot_text(self) -> str:
        """The result of an adaptive threshold, as text; empty if it is fixed."""
        return self._stream.spot_text()

    def summary(self) -> str:
        """Return a one-line summary: what became of every reading, the alarm rate, and the result of `adapt`."""
        return "; ".join(text for text in (self.counters.text(), self.alarms_text, self.spot_text) if text)

    def _results(self, parts: list[tuple[Stretch, Scores] | Off], computer_s: float | None) -> Results:
        is_learning = self.learner is not None
        alarms, events, rows = _no_alarms(parts) if is_learning else self._alarms(parts, computer_s)
        self.counters.alarms += sum(event.name == "alarm_started" for event in events)
        scored = [part for part in parts if not isinstance(part, Off)]
        if not scored:
            return replace(no_results(self.sensors), events=events, event_rows=rows, learning=is_learning)
        ends = [stretch.rows.part(as_slice(scores.ends)) for stretch, scores in scored]
        numbers, times, readings = (joined(column) for column in zip(*ends, strict=True))
        values, thresholds, codes = (
            joined([getattr(scores, name) for _, scores in scored]) for name in ("scores", "thresholds", "codes")
        )
        self.counters.above += int((values > thresholds).sum())
        self.counters.ignored = self.alarm.hushed
        drifts, evidence = self._drifts(codes), joined_evidence([scores.evidence for _, scores in scored])
        return Results(
            numbers, times, values, thresholds, alarms, drifts, *evidence, readings, self.sensors, events, rows,
            is_learning,
        )  # fmt: skip

    def _alarms(
        self, parts: list[tuple[Stretch, Scores] | Off], computer_s: float | None
    ) -> tuple[BoolArray, tuple[AlarmEvent, ...], tuple[int, ...]]:
        """Return whether there is an alarm after each score, the events, and the row of each event.

        An event between two parts belongs to the last row before it, or to -1 if there is none.
        """
        alarms, seen = list[BoolArray](), 0
        events: list[AlarmEvent] = []
        rows: list[int] = []
        for part in parts:
            if isinstance(part, Off):
                ended = self.alarm.interrupt(part.time_s, computer_s)
                events += [ended] if ended else []
                rows += [seen - 1] if ended else []
                continue
            (stretch, scores), before = part, self.alarm.active
            evidence = scores.evidence if scores.evidence.contributions.shape[1] else None
            found, new = self.alarm.update_many(
                stretch.rows.times[as_slice(scores.ends)], scores.scores, scores.thresholds, evidence, computer_s
            )
            alarms.append(found)
            events += new
            rows += [seen + row for row in event_rows(found, before=before)]
            seen += len(found)
        return joined(alarms or [np.empty(0, bool)]), tuple(events), tuple(rows)

    def _drifts(self, codes: FloatArray) -> FloatArray:
        units = len(self.detector.manifest.mean_activation)
        if not units or codes.shape[1] != units:
            return np.full(len(codes), np.nan, np.float32)
        drifts = self.drift.update_many(codes)
        if self.drift.value > self.drift_limit and self.learner is None:
            self.notices.once(
                "drift",
                f"drift {self.drift.value:.3g} is above its limit {self.drift_limit:.3g}: the machine works in a way "
                "the model has not seen. Retrain it if this is the new normal.",
            )
        return drifts

    @property
    def state(self) -> StreamState:
        """Everything needed to resume after a restart."""
        clock = self._intake.clock
        return StreamState(
            schema=SCHEMA,
            model_sha256=self.detector.manifest.flatbuffer_sha256,
            saved_s=time.time(),
            threshold=self._stream.threshold,
            last_time_s=_finite(clock.last_s),
            usual_step_s=_finite(clock.usual_s),
            stream=self._stream.memory,
            alarm=self.alarm.state,
            drift=self.drift.state,
        )

    def restore(self, state: StreamState) -> None:
        """Resume from a state; one of another model is ignored and reported."""
        if state.model_sha256 != self.detector.manifest.flatbuffer_sha256 or not self._stream.fits(state.stream):
            self.notices.once("state", "the saved state belongs to another model: starting from nothing")
            return
        self._stream.memory = state.stream
        self._intake.resume()
        usual_s = math.nan if state.usual_step_s is None else state.usual_step_s
        self._intake.clock.restore(_past(state.last_time_s), usual_s)
        self.alarm.state = replace(state.alarm, last_s=_finite(_past(state.alarm.last_s)))
        self.drift.state = state.drift


def _no_alarms(parts: list[tuple[Stretch, Scores] | Off]) -> tuple[BoolArray, tuple[()], tuple[()]]:
    return np.zeros(sum(0 if isinstance(part, Off) else len(part[1].ends) for part in parts), bool), (), ()


def _past(time_s: float | None) -> float:
    """Return a time from a state file; NaN if it lies in the future, as after a reading with a wrong time."""
    return math.nan if time_s is None or time_s > time.time() + LONGEST_STEP_S else time_s


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
