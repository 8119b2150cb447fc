"""What a detector has to beat, under the same treatment: sensors, inputs, smoothing, mean and threshold rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from export.threshold import fit_threshold
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

from edge_runtime.judging import Judge
from edge_runtime.manifest import DetectorSpec
from edge_runtime.preprocessing import FloatArray, sliding_windows
from edge_runtime.run_folder import ThresholdRule
from edge_runtime.smoothing import Smoother
from training.recordings import Recording

Scores = npt.NDArray[np.float64]
Score = Callable[[Scores], Scores]
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
"""From inputs of training windows and a seed to a score; higher is more anomalous."""


def baseline(name: str, spec: DetectorSpec, rule: ThresholdRule, normal: Recording, seed: int) -> Judge:
    """Return a judge by a baseline's scores.

    Parameters
    ----------
    name : str
        A key of `BASELINES`.
    spec : DetectorSpec
        Of the detector beside it: the same sensors, windows, inputs, smoothing and mean tracking.
    rule : ThresholdRule
        The same as well, on the smoothed scores of the normal rows.
    normal : Recording
        What is learnt from.
    seed : int
    """
    chosen = [normal.sensors.index(sensor) for sensor in spec.sensor_names]
    windows = sliding_windows(normal.values[:, chosen], spec.preprocessing.window)

    def inputs(windows: FloatArray) -> Scores:
        return spec.preprocessing.transform(windows).astype(np.float64)

    score = BASELINES[name](inputs(windows), seed)

    def score_many(windows: FloatArray) -> FloatArray:
        return score(inputs(windows)).astype(np.float32)

    smoothed = Smoother(spec.scoring.smoothing_span).update_many(score_many(windows))
    return Judge(score_many, spec, fit_threshold(smoothed, rule).value)
