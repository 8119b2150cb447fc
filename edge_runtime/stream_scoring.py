"""Windows into smoothed scores, thresholds, codes and contributions, following the machine where asked to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.adaptation.mean_tracking import MeanTracker
from edge_runtime.adaptation.spot import Spot, SpotSettings
from edge_runtime.detector import Detector
from edge_runtime.errors import UsageError
from edge_runtime.heads import PARTS
from edge_runtime.preprocessing import FloatArray
from edge_runtime.smoothing import Smoother


@dataclass(frozen=True)
class AdaptationSettings:
    """What may change while the stream runs; nothing, by default.

    Parameters
    ----------
    mean_rate : float
        Share of the way to each quiet reading that the inputs' mean goes; 0 is off.
    mean_ceiling : float
        The mean goes at most so many scales from where it was in training.
    spot : SpotSettings, optional
        The threshold follows the scores.
    """

    mean_rate: float = 0.0
    mean_ceiling: float = 3.0
    spot: SpotSettings | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.mean_rate < 1 or not 0 < self.mean_ceiling < 1e6:
            raise UsageError(
                "mean tracking: expected a rate in [0, 1) and a ceiling above 0. "
                f"Received: {self.mean_rate} and {self.mean_ceiling}"
            )


@dataclass(frozen=True)
class Scored:
    """What the model says of some windows.

    Parameters
    ----------
    scores : ndarray of shape (n,), float32
        Smoothed.
    thresholds : ndarray of shape (n,), float32
        What each was held against.
    codes : ndarray of shape (n, units), float32
    contributions : ndarray of shape (n, sensors), float32
        Zero where the head has none of its own and the score is low.
    """

    scores: FloatArray
    thresholds: FloatArray
    codes: FloatArray
    contributions: FloatArray


class Scorer:
    """Scores the windows of a stream.

    Parameters
    ----------
    detector : Detector
    settings : AdaptationSettings
    worth_explaining : float
        Where contributions cost as many runs as there are sensors, only scores above so many thresholds get them.
    """

    def __init__(self, detector: Detector, settings: AdaptationSettings, worth_explaining: float) -> None:
        spec = detector.manifest.spec
        self.detector = detector
        self.smoother = Smoother(spec.scoring.smoothing_span)
        self.spot = Spot(settings.spot, detector.threshold) if settings.spot else None
        self.tracker = MeanTracker(spec.preprocessing.center, settings.mean_rate) if settings.mean_rate else None
        self._ceiling = settings.mean_ceiling * np.array(spec.preprocessing.scale)
        self._worth_explaining = worth_explaining
        self._explains_itself = PARTS[spec.scoring.head][0] != "codes"

    @property
    def threshold(self) -> float:
        """The present threshold."""
        return self.detector.threshold if self.spot is None else self.spot.threshold

    def score(self, windows: FloatArray) -> Scored:
        """Score successive windows of shape (n, window, sensors)."""
        if self.tracker is None:
            return self._score_block(windows)
        return self._score_one_by_one(windows, self.tracker)

    def _score_block(self, windows: FloatArray) -> Scored:
        scores = self.smoother.update_many(self.detector.score_many(windows))
        if self.spot is None:
            thresholds = np.full(len(scores), self.detector.threshold, np.float32)
        else:
            thresholds = self.spot.update_many(scores)
        codes = self.detector.encode(windows)
        return Scored(scores, thresholds, codes, self._contributions(windows, scores, thresholds))

    def _score_one_by_one(self, windows: FloatArray, tracker: MeanTracker) -> Scored:
        # Each window is shifted by what the one before it taught.
        parts = []
        for window in windows:
            scored = self._score_block(tracker.shift(window[None]))
            parts.append(scored)
            tracker.follow(window[-1], quiet=bool(scored.scores[0] <= scored.thresholds[0]))
            tracker.drift = np.clip(tracker.drift, -self._ceiling, self._ceiling).astype(np.float32)
        if not parts:
            return self._score_block(windows)
        fields = ("scores", "thresholds", "codes", "contributions")
        return Scored(*(np.concatenate([getattr(part, field) for part in parts]) for field in fields))

    def _contributions(self, windows: FloatArray, scores: FloatArray, thresholds: FloatArray) -> FloatArray:
        if self._explains_itself:
            return self.detector.explain_many(windows)
        contributions = np.zeros((len(scores), len(self.detector.sensor_names)), np.float32)
        rows = np.flatnonzero(scores > self._worth_explaining * thresholds)
        if len(rows):
            contributions[rows] = self.detector.explain_many(np.ascontiguousarray(windows[rows]))
        return contributions
