"""Scaling fitted anew: centre and scale of each sensor, and of each feature, on this machine's normal readings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.moments import Floats, moments_of, thinned
from edge_runtime.fitting.scaling import FEATURE_FLOOR, QUANTILE_ROWS, robust
from edge_runtime.refitting.normal_readings import NormalWindows
from edge_runtime.signal.preprocessing import Preprocessing

# Of its mean: what a sensor must move by for its movement to be more than float32's rounding.
_AT_REST = 1e-6
_FITTED = ("standard", "robust")


def refit_scaling(preprocessing: Preprocessing, windows: NormalWindows) -> tuple[Preprocessing, tuple[int, ...]]:
    """Return the preprocessing with this machine's centres and scales, and which sensors are at rest.

    A sensor at rest keeps the scale that the file has for it. A scaling that was not fitted (``none``, by hand) stays.
    """
    if preprocessing.scaling in _FITTED:
        center, scale = _sensors(preprocessing.scaling, windows.stretches)
        at_rest = np.flatnonzero(scale <= _AT_REST * np.abs(center))
        scale[at_rest] = np.asarray(preprocessing.scale)[at_rest]
        scaled = replace(preprocessing, center=tuple(center.tolist()), scale=tuple(scale.tolist()))
    else:
        scaled, at_rest = preprocessing, np.empty(0, np.int64)
    if preprocessing.feature_scale:
        features = moments_of((scaled.raw_features(block) for block in windows.blocks()), diagonal=True)
        deviation = np.maximum(np.sqrt(features.variance), FEATURE_FLOOR)
        scaled = replace(scaled, feature_center=tuple(features.mean.tolist()), feature_scale=tuple(deviation.tolist()))
    return scaled, tuple(at_rest.tolist())


def _sensors(scaling: str, stretches: tuple[FloatArray, ...]) -> tuple[Floats, Floats]:
    moments = moments_of(stretches, diagonal=True)
    center, scale = moments.mean, np.sqrt(moments.variance)
    return robust(thinned(stretches, moments.count, QUANTILE_ROWS), scale) if scaling == "robust" else (center, scale)
