"""What a detector has to beat, under the same treatment: same rows, same smoothing, same threshold rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

from edge_runtime.preprocessing import FloatArray
from edge_runtime.smoothing import Smoother

Alarms = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]
_SPAN, _QUANTILE, _FACTOR = 30, 0.999, 4 / 3
_VARIANCE_KEPT = 0.9


def _input_t2(train: Scores, rows: Scores, _: int) -> Scores:
    return np.asarray(LedoitWolf().fit(train).mahalanobis(rows))


def _pca(train: Scores, rows: Scores, _: int) -> Scores:
    """Return T² in the plane plus Q off it, each in units of its training mean."""
    pca = PCA(_VARIANCE_KEPT, svd_solver="full").fit(train)

    def parts(values: Scores) -> tuple[Scores, Scores]:
        scores = pca.transform(values)
        residual = values - pca.inverse_transform(scores)
        return (scores**2 / pca.explained_variance_).sum(axis=1), (residual**2).sum(axis=1)

    references = [max(float(part.mean()), 1e-12) for part in parts(train)]
    return np.asarray(sum(part / reference for part, reference in zip(parts(rows), references, strict=True)))


def _isolation_forest(train: Scores, rows: Scores, seed: int) -> Scores:
    return -np.asarray(IsolationForest(random_state=seed).fit(train).score_samples(rows))


def _with_treatment(score: Callable[[Scores, Scores, int], Scores]) -> Callable[[FloatArray, FloatArray, int], Alarms]:
    def alarms(train: FloatArray, rows: FloatArray, seed: int) -> Alarms:
        moving = train.std(axis=0) > 0
        center, scale = train[:, moving].mean(axis=0), train[:, moving].std(axis=0)
        standard = [((values[:, moving] - center) / scale).astype(np.float64) for values in (train, rows)]
        scores = score(standard[0], standard[1], seed)
        smoothed = Smoother(_SPAN).update_many(scores.astype(np.float32))
        return np.asarray(smoothed > _FACTOR * np.quantile(smoothed[: len(train)], _QUANTILE))

    return alarms


BASELINES: Mapping[str, Callable[[FloatArray, FloatArray, int], Alarms]] = {
    "input T2": _with_treatment(_input_t2),
    "PCA T2 + Q": _with_treatment(_pca),
    "isolation forest": _with_treatment(_isolation_forest),
}
"""From training rows, all rows (the training ones first) and a seed to one alarm per row."""
