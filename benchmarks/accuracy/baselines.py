"""The baselines a detector has to beat on the same inputs: four methods, each a fit function that returns a score."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

from edge_runtime.arrays import FloatArray

Score = Callable[[FloatArray], FloatArray]
Fit = Callable[[FloatArray, int], Score]
_VARIANCE_KEPT = 0.9
_NEIGHBOURS = 5
_TINY = 1e-12


def mahalanobis(normal: FloatArray, _: int) -> Score:
    """Return the squared Mahalanobis distance of the inputs, covariance shrunk by Ledoit and Wolf (2004)."""
    covariance = LedoitWolf().fit(normal)
    return lambda inputs: np.asarray(covariance.mahalanobis(inputs), np.float32)


def pca(normal: FloatArray, _: int) -> Score:
    """Return T² in the plane that keeps 90 % of the variance plus SPE off it, each in units of its training mean.

    Jackson and Mudholkar (1979), Control procedures for residuals associated with principal component analysis.
    """
    plane = PCA(_VARIANCE_KEPT, svd_solver="full").fit(normal)

    def parts(inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        scores = plane.transform(inputs)
        residual = inputs - plane.inverse_transform(scores)
        t2 = (scores**2 / np.maximum(plane.explained_variance_, _TINY)).sum(axis=1)
        return t2, (residual**2).sum(axis=1)

    t2_mean, spe_mean = (max(float(part.mean()), _TINY) for part in parts(normal))

    def score(inputs: FloatArray) -> FloatArray:
        t2, spe = parts(inputs)
        return np.asarray(t2 / t2_mean + spe / spe_mean, np.float32)

    return score


def neighbours(normal: FloatArray, _: int) -> Score:
    """Return the distance to the fifth nearest normal row (Ramaswamy, Rastogi and Shim, 2000)."""
    index = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, len(normal))).fit(normal)
    return lambda inputs: np.asarray(index.kneighbors(inputs)[0][:, -1], np.float32)


def isolation_forest(normal: FloatArray, seed: int) -> Score:
    """Return expected over mean path length (Liu, Ting and Zhou, 2008).

    Their score ``s = 2 ** (-path / expected)`` lies between 0 and 1 whatever the data; a limit above the normal
    scores needs room above them, so this is ``expected / path = -1 / log2(s)``, which ranks rows alike.
    """
    forest = IsolationForest(random_state=seed).fit(normal)
    return lambda inputs: np.asarray(-1.0 / np.log2(-forest.score_samples(inputs)), np.float32)


BASELINES: Mapping[str, Fit] = {
    "Mahalanobis": mahalanobis,
    "PCA T2 + SPE": pca,
    "k nearest neighbours": neighbours,
    "isolation forest": isolation_forest,
}
"""From scaled inputs of normal windows, shape (n, inputs), and a seed to a score of inputs; higher is anomalous."""
