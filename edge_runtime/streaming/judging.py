"""From windows to smoothed scores and their thresholds, adapting to the machine if asked to."""

from __future__ import annotations

import math
import time
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import FloatArray, IntArray, Times, joined
from edge_runtime.common.setting import Range, conform, documented, setting
from edge_runtime.signal.cycle import course_of
from edge_runtime.signal.smoothing import Smoother
from edge_runtime.streaming.adaptation.alarm_height import AlarmHeight
from edge_runtime.streaming.adaptation.spot import TARGETS, Spot, SpotSettings
from edge_runtime.streaming.adaptation.tracking import AT_ONCE, CEILING, Moved, Tracker, tracker_of
from edge_runtime.streaming.blame import Evidence
from edge_runtime.streaming.late_contributions import LateContributions, finite
from edge_runtime.streaming.scores import Scores
from edge_runtime.streaming.scores_windows import ScoresWindows
from edge_runtime.streaming.seen_windows import Rows, Run, SeenWindows
from edge_runtime.streaming.wanted import Wanted

_SHARE = Range(0, 1, high_open=True)
_DEPTHS = {"spot": 0, "dspot": 100}
"""Scores in the moving average that the threshold is relative to."""
_SHORTEST_GUESS, _LONGEST_GUESS, _GROWTH = 64, 4096, 8


@documented
@dataclass(frozen=True)
class AdaptationSettings:
    """What may adapt while the stream runs; by default what the model file says, usually nothing."""

    mean_rate: float | None = setting(
        None,
        "Fraction by which the input mean moves towards each quiet reading; 0 turns it off.  "
        "[default: the model file's]",
        within=_SHARE,
        metavar="SHARE",
    )
    scale_rate: float | None = setting(
        None,
        "Fraction by which each sensor's variance moves towards the square of each reading, never below training's; "
        "0 turns it off.  [default: the model file's]",
        within=_SHARE,
        metavar="SHARE",
    )
    mean_ceiling: float = setting(
        CEILING, "Maximum distance of the mean from the one it starts from.", within=Range(0), metavar="SCALES"
    )
    adapt: str | None = setting(
        None,
        "Adapt the threshold to the scores (spot), or to scores relative to their moving average (dspot). "
        "[default: fixed threshold]",
        choices=tuple(_DEPTHS),
    )
    target_far: float = setting(
        SpotSettings().target_far,
        "False-alarm rate per window for spot and dspot; the measured rate is printed.",
        within=TARGETS,
        metavar="SHARE",
    )

    def __post_init__(self) -> None:
        conform(self)

    @property
    def spot(self) -> SpotSettings | None:
        """How the threshold adapts; None if it is fixed."""
        return None if self.adapt is None else SpotSettings(self.target_far, _DEPTHS[self.adapt])


class _Judged(NamedTuple):
    """Windows, and what came of them; `times` when each one ended, None without a usual course of the day."""

    seen: SeenWindows
    outputs: dict[str, FloatArray]
    scores: FloatArray
    thresholds: FloatArray
    times: Times | None = None


class Judge:
    """Compares the windows of one stream with its threshold.

    Parameters
    ----------
    detector : ScoresWindows
    settings : AdaptationSettings
    wanted : Wanted
    """

    def __init__(self, detector: ScoresWindows, settings: AdaptationSettings, wanted: Wanted) -> None:
        spec = detector.spec
        self._detector, self._wanted = detector, wanted
        self._sensors = len(spec.sensors)
        self._fitted = detector.threshold
        self._step_s = 1.0 / spec.preprocessing.rate_hz if spec.preprocessing.rate_hz else 0.0
        self.course = course_of(spec)
        self.smoother = Smoother(spec.scoring.smoothing_span, detector.threshold)
        above, self._late = wanted.explain_above, None
        self._blame_smoother = Smoother(spec.scoring.smoothing_span, detector.threshold)
        if above is not None and not wanted.levels and "contributions" in detector.outputs:
            self._late = LateContributions(detector, above)
        self.spot = Spot(settings.spot, self._fitted, spec.scoring.smoothing_span) if settings.spot else None
        self.tracker = tracker_of(spec, settings.mean_rate, settings.scale_rate, settings.mean_ceiling)
        also = {"codes"} if wanted.codes else set()
        also |= set() if above is None or self._late else {"contributions"}
        also |= {"expected"} if above == -math.inf else set()
        self._names = ("score", *sorted(also & detector.outputs))
        self._expected_due_s = time.monotonic() + wanted.expected_every_s
        self.alarm_height, self._guess, self._guess_length = AlarmHeight(), True, _SHORTEST_GUESS
        self._room: FloatArray | None = None

    @property
    def threshold(self) -> float:
        """The current threshold."""
        return self._fitted if self.spot is None else self.spot.threshold

    @property
    def blame(self) -> FloatArray | None:
        """The smoothed contributions of the last window, shape (sensors,); None if there are none."""
        return self._blame_smoother.level if self._late is None else self._late.level

    @blame.setter
    def blame(self, level: FloatArray | None) -> None:
        self._blame_smoother.level = level
        if self._late is not None:
            self._late.level = level

    def reset(self) -> None:
        """Forget the smoothed score and the movement of mean and scale."""
        self.smoother.reset()
        self.blame, self.alarm_height, self._guess = None, AlarmHeight(), True
        if self.tracker is not None:
            self.tracker.reset()

    def look_at(self, windows: FloatArray, ends: IntArray, times: Times | None = None) -> Scores:
        """Judge successive windows of shape (n, window, sensors), without the usual course of the day.

        Parameters
        ----------
        windows, ends
        times : ndarray of shape (n,), float64, optional
            When each ended; needed to give levels as the sensors read them, by a model with a course.
        """
        judged = self._judge(windows) if self.tracker is None else self._judge_following(windows, self.tracker)
        judged = judged if times is None else judged._replace(times=times)
        codes = judged.outputs.get("codes", np.empty((len(windows), 0), np.float32))
        return Scores(ends, judged.scores, judged.thresholds, codes, self._explain(judged))

    def hold(self, raw: float) -> tuple[float, float]:
        """Return the smoothed score after one more raw score, and its threshold."""
        score = self.smoother.update(raw)
        if self.spot is None:
            return score, self._fitted
        return score, float(self.spot.update_many(np.array([score], np.float32))[0])

    def _judge(self, windows: FloatArray) -> _Judged:
        outputs = self._detector.outputs_many(windows, self._names)
        scores = self.smoother.update_many(outputs["score"])
        return _Judged(SeenWindows(windows), outputs, scores, self._thresholds(scores))

    def _judge_following(self, windows: FloatArray, tracker: Tracker) -> _Judged:
        # The mean depends on earlier scores, so windows would have to be scored one by one. But a window is usually as
        # quiet as the one before it. On that assumption mean and scale are known in advance, and a run of windows is
        # scored at once; windows after a wrong guess are scored again.
        runs: list[_Judged] = []
        start = 0
        while start < len(windows):
            runs.append(self._judge_run(windows[start : start + self._guess_length], tracker))
            start += len(runs[-1].scores)
        if not runs:
            return self._judge(windows)
        outputs = {name: joined([run.outputs[name] for run in runs]) for name in self._names}
        scores, thresholds = (joined([getattr(run, name) for run in runs]) for name in ("scores", "thresholds"))
        seen = SeenWindows(windows, tracker, tuple(one for run in runs for one in run.seen.runs))
        return _Judged(seen, outputs, scores, thresholds)

    def _judge_run(self, windows: FloatArray, tracker: Tracker) -> _Judged:
        """Judge windows up to the first that is not as quiet as guessed."""
        guess, before = self._guess, tracker.moved
        ahead = tracker.ahead(windows[:, -1], quiet=guess)
        outputs = self._outputs(windows, tracker, ahead)
        scores, thresholds = self._held(outputs["score"], guess=guess if tracker.mean_rate else None)
        count = len(scores)
        self._guess = bool(self.alarm_height.quiet(scores, thresholds)[-1])
        self.alarm_height.pass_by(scores, thresholds)
        self._guess_length = (
            _SHORTEST_GUESS if count < len(windows) else min(_GROWTH * self._guess_length, _LONGEST_GUESS)
        )
        is_right = self._guess == guess
        tracker.moved = Moved(*(rows[count if is_right else count - 1] for rows in ahead))
        if not is_right:
            tracker.follow(windows[count - 1, -1], quiet=self._guess)
        seen = SeenWindows(windows[:count], tracker, (Run(count, before, guess),))
        return _Judged(seen, {name: out[:count] for name, out in outputs.items()}, scores, thresholds)

    def _outputs(self, windows: FloatArray, tracker: Tracker, ahead: Moved) -> dict[str, FloatArray]:
        """Return the outputs of each window as it would have been with training's mean and scale."""
        # In pieces that stay in a cache, and in the same memory every time: new pages would cost more than what is
        # computed.
        if self._room is None:
            self._room = np.empty((AT_ONCE, *windows.shape[1:]), np.float32)
        parts = []
        for start in range(0, len(windows), AT_ONCE):
            part = slice(start, min(start + AT_ONCE, len(windows)))
            room = self._room[: part.stop - part.start]
            seen = tracker.each_as_trained(windows[part], Moved(*(rows[part] for rows in ahead)), room)
            parts.append(self._detector.outputs_many(seen, self._names))
        return {name: joined([part[name] for part in parts]) for name in self._names}

    def _held(self, raw: FloatArray, *, guess: bool | None) -> tuple[FloatArray, FloatArray]:
        """Return smoothed scores and thresholds, up to the first score that is not as quiet as guessed."""
        if self.spot is not None:
            return self._held_by_spot(raw, guess=guess)
        level = self.smoother.level
        scores, thresholds = self.smoother.update_many(raw), np.full(len(raw), self._fitted, np.float32)
        wrong = np.zeros(len(raw), bool) if guess is None else self.alarm_height.quiet(scores, thresholds) != guess
        if not wrong[:-1].any():
            return scores, thresholds
        count = int(wrong.argmax()) + 1
        self.smoother.level = level
        return self.smoother.update_many(raw[:count]), thresholds[:count]

    def _held_by_spot(self, raw: FloatArray, *, guess: bool | None) -> tuple[FloatArray, FloatArray]:
        held, height = list[tuple[float, float]](), copy(self.alarm_height)
        for score in raw.tolist():
            held.append(self.hold(score))
            if height.take(*held[-1]) != guess and guess is not None:
                break
        columns = np.array(held, np.float32).T
        return columns[0], columns[1]

    def _thresholds(self, scores: FloatArray) -> FloatArray:
        if self.spot is not None:
            return self.spot.update_many(scores)
        return np.full(len(scores), self._fitted, np.float32)

    def _explain(self, judged: _Judged) -> Evidence:
        above = self._wanted.explain_above
        none = np.empty((len(judged.scores), 0), np.float32)
        if above is None:
            return Evidence(none, none, none)
        rows = np.flatnonzero(judged.scores > above * judged.thresholds)
        contributions = self._contributions(judged, rows)
        if not self._wanted.levels:
            return Evidence(contributions, none, none)
        if self._is_expected_due(judged, rows):
            rows = np.append(rows, len(judged.scores) - 1)
        return Evidence(contributions, *self._levels(judged, rows))

    def _is_expected_due(self, judged: _Judged, rows: Rows) -> bool:
        """Return whether the newest window is to get expected values that it would not have."""
        newest, now_s = len(judged.scores) - 1, time.monotonic()
        if newest < 0 or newest in rows[-1:] or now_s < self._expected_due_s:
            return False
        self._expected_due_s = now_s + self._wanted.expected_every_s
        return True

    def _contributions(self, judged: _Judged, rows: Rows) -> FloatArray:
        """Return each sensor's contributions to every score; zeros beside `rows` if they cost a run of their own."""
        if self._late is not None:
            return self._late.look_at(judged.seen, judged.scores, judged.thresholds)
        if "contributions" in self._names:
            return self._blame_smoother.update_many(finite(judged.outputs["contributions"]))
        contributions = np.zeros((len(judged.scores), self._sensors), np.float32)
        if len(rows):
            contributions[rows] = np.nan_to_num(self._detector.explain_many(judged.seen.chosen(rows).as_trained))
        return contributions

    def _levels(self, judged: _Judged, rows: Rows) -> tuple[FloatArray, FloatArray]:
        """Return each sensor's mean over every window and the expected one, in its own unit; NaN beside `rows`."""
        levels, expected = (np.full((len(judged.scores), self._sensors), np.nan, np.float32) for _ in range(2))
        if not len(rows):
            return levels, expected
        seen = judged.seen.chosen(rows)
        if "expected" in self._names:
            known = judged.outputs["expected"][rows]
        else:
            known = self._detector.expected_many(seen.as_trained)
        # Lag by lag, which makes long rows of few sensors.
        levels[rows], expected[rows] = seen.windows.transpose(1, 0, 2).mean(axis=0), seen.as_read(known)
        if self.course is not None and judged.times is not None:
            usual = self.course.over_windows(judged.times[rows], seen.windows.shape[1], self._step_s)
            levels[rows] += usual
            expected[rows] += usual
        return levels, expected
