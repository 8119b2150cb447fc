"""Windows into smoothed scores, thresholds, codes and contributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.detector import Detector
from edge_runtime.heads import PARTS
from edge_runtime.judging import AdaptationSettings, Judge, Judged
from edge_runtime.preprocessing import FloatArray


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
    """Judges the windows of a stream and says what the model saw in them.

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
        self.judge = Judge.of(detector, settings)
        self._worth_explaining = worth_explaining
        self._explains_itself = PARTS[spec.scoring.head][0] != "codes"

    def score(self, windows: FloatArray) -> Scored:
        """Score successive windows of shape (n, window, sensors)."""
        judged = self.judge.look_at(windows)
        codes = self.detector.encode(judged.windows)
        return Scored(judged.scores, judged.thresholds, codes, self._contributions(judged))

    def _contributions(self, judged: Judged) -> FloatArray:
        windows, scores = judged.windows, judged.scores
        if self._explains_itself:
            return self.detector.explain_many(windows)
        contributions = np.zeros((len(scores), len(self.detector.sensor_names)), np.float32)
        rows = np.flatnonzero(scores > self._worth_explaining * judged.thresholds)
        if len(rows):
            contributions[rows] = self.detector.explain_many(np.ascontiguousarray(windows[rows]))
        return contributions
