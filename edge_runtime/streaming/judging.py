"""Windows into smoothed scores and the thresholds they are held against, following the machine where asked to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.inference.detector import Detector
from edge_runtime.model_file.manifest import DetectorSpec
from edge_runtime.signal.smoothing import Smoother
from edge_runtime.streaming.adaptation.mean_tracking import CEILING, MeanTracker, tracker_of
from edge_runtime.streaming.adaptation.spot import Spot, SpotSettings

_SHORTEST_GUESS, _LONGEST_GUESS = 8, 256


@dataclass(frozen=True)
class AdaptationSettings:
    """What may change while the stream runs; by default what the model file says, usually nothing.

    Parameters
    ----------
    mean_rate : float, optional
        Share of the way to each quiet reading that the inputs' mean goes; 0 is off, None as the model file says.
    mean_ceiling : float
        The mean goes at most so many scales from where it was in training.
    spot : SpotSettings, optional
        The threshold follows the scores.
    """

    mean_rate: float | None = None
    mean_ceiling: float = CEILING
    spot: SpotSettings | None = None


@dataclass(frozen=True)
class Judged:
    """Scores of successive windows and what they were held against.

    Parameters
    ----------
    windows : ndarray of shape (n, window, sensors), float32
        As the model saw them: less the drift of their mean.
    scores : ndarray of shape (n,), float32
        Smoothed.
    thresholds : ndarray of shape (n,), float32
    """

    windows: FloatArray
    scores: FloatArray
    thresholds: FloatArray


class Judge:
    """Holds the windows of a stream against its threshold.

    Parameters
    ----------
    score_many : callable
        From windows of shape (n, window, sensors) to raw scores of shape (n,).
    spec : DetectorSpec
        Says how scores are smoothed and whether the mean follows.
    threshold : float
        The model file's.
    settings : AdaptationSettings, optional
    """

    def __init__(
        self,
        score_many: Callable[[FloatArray], FloatArray],
        spec: DetectorSpec,
        threshold: float,
        settings: AdaptationSettings | None = None,
    ) -> None:
        settings = settings or AdaptationSettings()
        self.spec = spec
        self._score_many, self._fitted = score_many, threshold
        self.smoother = Smoother(spec.scoring.smoothing_span)
        self.spot = Spot(settings.spot, threshold, spec.scoring.smoothing_span) if settings.spot else None
        self.tracker = tracker_of(spec, settings.mean_rate, settings.mean_ceiling)
        self._guess, self._guess_length = True, _SHORTEST_GUESS

    @classmethod
    def of(cls, detector: Detector, settings: AdaptationSettings | None = None) -> Judge:
        """Return a judge by the detector's scores and threshold."""
        return Judge(detector.score_many, detector.manifest.spec, detector.threshold, settings)

    @property
    def threshold(self) -> float:
        """The present threshold."""
        return self._fitted if self.spot is None else self.spot.threshold

    def look_at(self, windows: FloatArray) -> Judged:
        """Score successive windows of shape (n, window, sensors)."""
        if self.tracker is not None:
            return self._judge_following(windows, self.tracker)
        scores = self.smoother.update_many(self._score_many(windows))
        return Judged(windows, scores, self._thresholds(scores))

    def _judge_following(self, windows: FloatArray, tracker: MeanTracker) -> Judged:
        # Each window is shifted by what those before it taught, so one would have to be scored after the other. But
        # a window is mostly as quiet as the one before it: on that guess the drifts are known beforehand and a run
        # of windows is scored at once. What comes after a wrong guess is scored again.
        judged = Judged(np.empty(windows.shape, np.float32), *np.empty((2, len(windows)), np.float32))
        start = 0
        while start < len(windows):
            stop = min(start + self._guess_length, len(windows))
            start += self._judge_run(windows[start:stop], tracker, judged, start)
        return judged

    def _judge_run(self, windows: FloatArray, tracker: MeanTracker, judged: Judged, start: int) -> int:
        """Judge windows up to the first that is not as quiet as guessed; return how many these are."""
        guess, drifts = self._guess, tracker.drifts(windows[:, -1], quiet=self._guess)
        shifted = judged.windows[start : start + len(windows)]
        np.subtract(windows, drifts[:, None], out=shifted, casting="same_kind")
        for number, raw in enumerate(self._score_many(shifted).tolist()):
            one = slice(start + number, start + number + 1)
            judged.scores[one] = self.smoother.update(raw)
            judged.thresholds[one] = self._thresholds(judged.scores[one])
            self._guess = bool(judged.scores[start + number] <= judged.thresholds[start + number])
            if self._guess != guess:
                self._guess_length = _SHORTEST_GUESS
                break
        else:
            self._guess_length = min(2 * self._guess_length, _LONGEST_GUESS)
        tracker.drift = drifts[number]
        tracker.follow(windows[number, -1], quiet=self._guess)
        return number + 1

    def _thresholds(self, scores: FloatArray) -> FloatArray:
        if self.spot is not None:
            return self.spot.update_many(scores)
        return np.full(len(scores), self._fitted, np.float32)
