"""Windows into smoothed scores, thresholds, codes and contributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.inference.detector import Detector
from edge_runtime.inference.explaining import Explainer
from edge_runtime.streaming.judging import AdaptationSettings, Judge


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
        Smoothed as the scores are; zero where the model has none of its own and the score is low.
    """

    scores: FloatArray
    thresholds: FloatArray
    codes: FloatArray
    contributions: FloatArray


class Scorer:
    """Judges the windows of a stream and says what the model saw in them.

    Parameters
    ----------
    detector : Detector
    settings : AdaptationSettings
    worth_explaining : float
        Where contributions cost as many runs as there are sensors, only scores above so many thresholds get them.
    """

    def __init__(self, detector: Detector, settings: AdaptationSettings, worth_explaining: float) -> None:
        manifest = detector.manifest
        self.detector = detector
        self.judge = Judge(self._score_many, manifest.spec, detector.threshold, settings)
        self._explainer = Explainer(detector, worth_explaining)
        self._beside = tuple(sorted(detector.outputs & {"codes", "contributions"}))
        self._seen: dict[str, FloatArray] = {}

    def score(self, windows: FloatArray) -> Scored:
        """Score successive windows of shape (n, window, sensors)."""
        judged = self.judge.look_at(windows)
        # A mean that follows shifts the windows anew after each that was not quiet: what was seen is of another shift.
        seen = self._seen if self.judge.tracker is None else self.detector.outputs_many(judged.windows, self._beside)
        codes = seen.get("codes", np.empty((len(windows), 0), np.float32))
        contributions = self._explainer.explain(judged, seen.get("contributions"))
        return Scored(judged.scores, judged.thresholds, codes, contributions)

    def _score_many(self, windows: FloatArray) -> FloatArray:
        """Return the scores; what else is wanted of the windows comes from the same run of the graph."""
        wanted = self._beside if self.judge.tracker is None else ()
        self._seen = self.detector.outputs_many(windows, ("score", *wanted))
        return self._seen["score"]
