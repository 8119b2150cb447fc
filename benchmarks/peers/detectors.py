"""Peers that learn: each is fitted on scaled normal windows and then scores, by its own fastest documented call.

Every scorer returns higher for more anomalous.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_runtime.arrays import FloatArray

Many = Callable[[FloatArray], Any]
One = Callable[[FloatArray], Any]


@dataclass(frozen=True)
class PeerScorer:
    """A fitted detector.

    Parameters
    ----------
    many : callable
        From windows of shape (n, inputs) to scores of shape (n,).
    one : callable
        From windows of shape (1, inputs) to one score, the fastest way it has.
    """

    many: Many
    one: One


def isolation_forest(normal: FloatArray) -> PeerScorer:
    """scikit-learn's IsolationForest with its defaults."""
    import sklearn
    from sklearn.ensemble import IsolationForest

    # Our windows are finite already; without the check its calls are faster.
    sklearn.set_config(assume_finite=True)
    model = IsolationForest(random_state=0, n_jobs=1).fit(normal)
    return PeerScorer(lambda windows: -model.score_samples(windows), lambda window: -model.score_samples(window)[0])


def principal_components(normal: FloatArray) -> PeerScorer:
    """Reconstruction error of scikit-learn's PCA with 95 % of the variance, applied with numpy alone."""
    from sklearn.decomposition import PCA

    model = PCA(0.95, svd_solver="full").fit(normal)
    components, mean = model.components_.astype(np.float32), model.mean_.astype(np.float32)
    across = np.ascontiguousarray(components.T)

    def many(windows: FloatArray) -> FloatArray:
        centred = windows - mean
        residual = centred - (centred @ across) @ components
        errors: FloatArray = np.einsum("ij,ij->i", residual, residual)
        return errors

    return PeerScorer(many, lambda window: many(window)[0])


def pyod_autoencoder(normal: FloatArray) -> PeerScorer:
    """PyOD's AutoEncoder with its defaults."""
    from pyod.models.auto_encoder import AutoEncoder

    return _pyod(AutoEncoder(random_state=0, verbose=0), normal)


def pyod_knn(normal: FloatArray) -> PeerScorer:
    """PyOD's KNN with its defaults."""
    from pyod.models.knn import KNN

    return _pyod(KNN(n_jobs=1), normal)


def pyod_ecod(normal: FloatArray) -> PeerScorer:
    """PyOD's ECOD with its defaults; a window's score depends on the windows that are scored with it."""
    from pyod.models.ecod import ECOD

    return _pyod(ECOD(n_jobs=1), normal)


def half_space_trees(normal: FloatArray) -> PeerScorer:
    """Fit river's HalfSpaceTrees, which wants values between 0 and 1 and learns one window at a time."""
    from river import anomaly

    low, high = normal.min(axis=0), normal.max(axis=0)
    span = np.where(high > low, high - low, 1)
    names = list(range(normal.shape[1]))
    model = anomaly.HalfSpaceTrees(seed=0)

    def entry(window: FloatArray) -> dict[int, float]:
        return dict(zip(names, np.clip((window - low) / span, 0, 1).tolist(), strict=True))

    for window in normal:
        model.learn_one(entry(window))
    return PeerScorer(
        lambda windows: np.array([model.score_one(entry(window)) for window in windows]),
        lambda window: model.score_one(entry(window[0])),
    )


def _pyod(model: Any, normal: FloatArray) -> PeerScorer:
    model.fit(normal)
    return PeerScorer(model.decision_function, lambda window: model.decision_function(window)[0])
