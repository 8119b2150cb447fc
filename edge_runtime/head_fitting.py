"""Fitting the scoring heads: mean and whitening of what the network gives on normal windows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import missing_extra
from edge_runtime.heads import PARTS, Head
from edge_runtime.preprocessing import FloatArray

# A variable that never moves on normal windows (a dead unit) would be divided by zero; this floor, relative
# to the mean variance, gives it the say of a well-behaved variable instead of an unbounded one.
_VARIANCE_FLOOR = 1e-4
_MOST_SHRINKAGE = 1e-3


def fit_head(kind: str, parts: Mapping[str, FloatArray]) -> Head:
    """Fit a head on normal windows.

    Parameters
    ----------
    kind : str
        A key of `edge_runtime.heads.PARTS`.
    parts : mapping
        Arrays of shape (n, width), as `edge_runtime.heads.Head.components` takes them.

    Notes
    -----
    The covariance is shrunk towards a multiple of the identity in correlation space, by as much as Ledoit and
    Wolf (2004, A well-conditioned estimator for large-dimensional covariance matrices) advise but by 1/1000 at
    most: anomalies show where normal windows hardly vary, and more shrinking hides them there. Its inverse
    square root is symmetric (ZCA-cor: Kessy, Lewin and Strimmer, 2018, Optimal whitening and decorrelation).
    """
    z = np.concatenate([parts[name] for name in PARTS[kind]], axis=1).astype(np.float64)
    if kind == "spe":
        width = z.shape[1]
        return Head(kind, np.zeros(width, np.float32), np.full(width, width**-0.5, np.float32))
    mean, variance = z.mean(axis=0), z.var(axis=0)
    deviation = np.sqrt(np.maximum(variance, _VARIANCE_FLOOR * max(float(variance.mean()), 1e-12)))
    values, vectors = np.linalg.eigh(_shrunk_correlation((z - mean) / deviation))
    root = (vectors / np.sqrt(np.maximum(values, 1e-6))) @ vectors.T
    return Head(kind, mean.astype(np.float32), (root / deviation[:, None]).astype(np.float32))


def _shrunk_correlation(standard: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    try:
        from sklearn.covariance import ledoit_wolf_shrinkage, shrunk_covariance
    except ImportError as error:
        raise missing_extra("scikit-learn", "workstation", "fitting a scoring head") from error
    shrinkage = min(ledoit_wolf_shrinkage(standard, assume_centered=True), _MOST_SHRINKAGE)
    correlation: npt.NDArray[np.float64] = shrunk_covariance(standard.T @ standard / len(standard), shrinkage)
    return correlation
