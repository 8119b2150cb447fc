"""What a detector has to beat, under the same treatment: sensors, smoothing, mean tracking and threshold rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

from edge_runtime.adaptation.mean_tracking import MeanTracker
from edge_runtime.preprocessing import FloatArray
from edge_runtime.smoothing import Smoother

Scores = npt.NDArray[np.float64]
Score = Callable[[Scores], Scores]
_SPAN, _QUANTILE, _FACTOR, _MEAN_RATE = 30, 0.999, 4 / 3, 0.01
_VARIANCE_KEPT = 0.9


def _input_t2(train: Scores, _: int) -> Score:
    covariance = LedoitWolf().fit(train)
    return lambda rows: np.asarray(covariance.mahalanobis(rows))


def _pca(train: Scores, _: int) -> Score:
    """Return T² in the plane plus Q off it, each in units of its training mean."""
    pca = PCA(_VARIANCE_KEPT, svd_solver="full").fit(train)

    def parts(rows: Scores) -> tuple[Scores, Scores]:
        scores = pca.transform(rows)
        residual = rows - pca.inverse_transform(scores)
        return (scores**2 / pca.explained_variance_).sum(axis=1), (residual**2).sum(axis=1)

    t2_mean, q_mean = (max(float(part.mean()), 1e-12) for part in parts(train))
    return lambda rows: parts(rows)[0] / t2_mean + parts(rows)[1] / q_mean


def _isolation_forest(train: Scores, seed: int) -> Score:
    forest = IsolationForest(random_state=seed).fit(train)
    # Its scores lie between 0 and 1 whatever the data: a factor on a quantile has a meaning above the median only.
    usual = float(np.median(-forest.score_samples(train)))
    return lambda rows: -np.asarray(forest.score_samples(rows)) - usual


BASELINES: Mapping[str, Callable[[Scores, int], Score]] = {
    "input T2": _input_t2,
    "PCA T2 + Q": _pca,
    "isolation forest": _isolation_forest,
}
"""From standardised training rows and a seed to a score; higher is more anomalous."""


def baseline_alarms(name: str, train: FloatArray, rows: FloatArray, seed: int) -> npt.NDArray[np.bool_]:
    """Return one alarm per row, shape (n,), the training rows first among them.

    The threshold is fitted on the training rows' smoothed scores; then each row is scored in order, and the
    mean follows the quiet ones.
    """
    center, scale = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    score = BASELINES[name]((train - center) / scale, seed)
    smoother = Smoother(_SPAN)
    smoothed = smoother.update_many(score((train - center) / scale).astype(np.float32))
    threshold = _FACTOR * float(np.quantile(smoothed, _QUANTILE))
    tracker = MeanTracker(center, _MEAN_RATE)
    alarms = np.zeros(len(rows), bool)
    for number in range(len(train), len(rows)):
        row = rows[number : number + 1]
        level = smoother.update(float(score((tracker.shift(row) - center) / scale)[0]))
        alarms[number] = level > threshold
        tracker.follow(row[0], quiet=not alarms[number])
    return alarms
