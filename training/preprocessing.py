"""Fitting the preprocessing on the training rows."""

from __future__ import annotations

import numpy as np

from edge_runtime.preprocessing import FloatArray, Preprocessing
from training.recordings.windows import Stretches

SCALINGS = ("standard", "robust")
# Quantiles of so many rows, evenly spread, are good to half a per cent of the interquartile range.
_QUANTILE_ROWS = 100_000
# Interquartile range of a normal distribution, in standard deviations.
_NORMAL_IQR = 1.349


def fit_scaling(train: Stretches, scaling: str) -> tuple[FloatArray, FloatArray]:
    """Return centre and scale of each sensor over the training rows.

    Where ``robust`` finds no interquartile range (a sensor that mostly rests), the standard deviation serves.

    Parameters
    ----------
    scaling : str
        One of `SCALINGS`.

    Returns
    -------
    center, scale : ndarray of shape (sensors,), float64
    """
    center, scale = _moments(train)
    if scaling == "robust":
        step = max(1, train.rows // _QUANTILE_ROWS)
        sample = np.concatenate([block[::step] for block in train.blocks()])
        low, center, high = np.quantile(sample, [0.25, 0.5, 0.75], axis=0)
        scale = np.where(high > low, (high - low) / _NORMAL_IQR, scale)
    return center, scale


def _moments(train: Stretches) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation, in two passes: one pass would lose digits where the mean is large."""
    center = sum(block.sum(axis=0, dtype=np.float64) for block in train.blocks()) / train.rows
    squares = sum(np.square(block - center).sum(axis=0) for block in train.blocks())
    return np.asarray(center), np.sqrt(squares / train.rows)


def fit_preprocessing(train: Stretches, scaling: str) -> Preprocessing:
    """Return the preprocessing of windows like the training ones."""
    center, scale = fit_scaling(train, scaling)
    return Preprocessing(scaling, tuple(center.tolist()), tuple(scale.tolist()), train.window, train.stride)
