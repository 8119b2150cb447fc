"""Fitting the scoring heads: mean and whitening of what the network gives on normal windows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.covariance import LedoitWolf

from edge_runtime.heads import PARTS, Head
from edge_runtime.preprocessing import FloatArray

# A variable that never moves on normal windows (a dead unit) would be divided by zero; this floor, relative
# to the mean variance, gives it the say of a well-behaved variable instead of an unbounded one.
_VARIANCE_FLOOR = 1e-4


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
    The covariance is shrunk towards a multiple of the identity in correlation space (Ledoit and Wolf, 2004,
    A well-conditioned estimator for large-dimensional covariance matrices); its inverse square root there is
    symmetric (ZCA-cor: Kessy, Lewin and Strimmer, 2018, Optimal whitening and decorrelation).
    """
    z = np.concatenate([parts[name] for name in PARTS[kind]], axis=1).astype(np.float64)
    if kind == "spe":
        width = z.shape[1]
        return Head(kind, np.zeros(width, np.float32), np.full(width, width**-0.5, np.float32))
    mean, variance = z.mean(axis=0), z.var(axis=0)
    deviation = np.sqrt(np.maximum(variance, _VARIANCE_FLOOR * max(float(variance.mean()), 1e-12)))
    correlation = LedoitWolf(assume_centered=True).fit((z - mean) / deviation).covariance_
    values, vectors = np.linalg.eigh(correlation)
    root = (vectors / np.sqrt(np.maximum(values, 1e-6))) @ vectors.T
    return Head(kind, mean.astype(np.float32), (root / deviation[:, None]).astype(np.float32))
