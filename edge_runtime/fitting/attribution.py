"""Fitting the attribution: the inputs' conditional distribution on normal windows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.moments import Blocks, Floats, Moments, moments_of
from edge_runtime.inference.attribution import Attribution, Modes
from edge_runtime.inference.heads import ScoringHead
from edge_runtime.signal.features import rows_of
from edge_runtime.signal.preprocessing import Preprocessing

# More than for scoring: expected values must not depend on directions that hardly vary.
_SHRINKAGE = 1e-2
# A matrix of more inputs than this is larger than the network; each input is then judged on its own.
_MOST_INPUTS = 256
# Relative to the mean variance: avoids a division by zero for inputs that are constant on normal windows.
_VARIANCE_FLOOR = 1e-4


def fit_attribution(by_mode: list[Moments], preprocessing: Preprocessing) -> Attribution:
    """Fit on normal windows.

    Parameters
    ----------
    by_mode : list of Moments
        Of the scaled inputs in each mode; diagonal if `is_diagonal` says so. A mode without windows is fitted on all.
    preprocessing : Preprocessing
    """
    everything, levels = sum(by_mode[1:], by_mode[0]), _levels(preprocessing)
    by_mode = [one if one.count else everything for one in by_mode]
    if everything.scatter.ndim == 1:
        return _independent(by_mode, everything)
    d, fitted = len(everything.mean), []
    # Relative to each mode's own mean: the distance between modes is not a spread within them.
    pooled = _shrunk(sum((one.scatter for one in by_mode), np.zeros((d, d))) / sum(one.count for one in by_mode))
    for one in by_mode:
        covariance = (one.count * _shrunk(one.covariance) + d * pooled) / (one.count + d)
        fitted.append((one.mean, *_maps(np.linalg.inv(covariance), preprocessing.sensors, levels)))
    means, blames, shifts = (np.array([one[part] for one in fitted]) for part in range(3))
    base = _level_bias(preprocessing, levels)
    # The actual level minus the shift: one affine map of x - mean per mode.
    level = levels[None] - shifts
    bias = base + means @ levels
    return Attribution(*(np.ascontiguousarray(part, np.float32) for part in (means, blames, level, bias)))


def is_diagonal(inputs: int) -> bool:
    """Return whether so many inputs are treated as independent, without expected values."""
    return inputs > _MOST_INPUTS


def _independent(by_mode: list[Moments], everything: Moments) -> Attribution:
    floor = _VARIANCE_FLOOR * max(float(everything.variance.mean()), 1e-12)
    means = np.array([one.mean for one in by_mode], np.float32)
    blame = np.array([1.0 / np.sqrt(np.maximum(one.variance, floor)) for one in by_mode], np.float32)
    none = np.zeros((*means.shape, 0), np.float32)
    return Attribution(means, blame, none, none[:, 0])


def fit_bands(
    attribution: Attribution, blocks: Blocks, preprocessing: Preprocessing, mode_of: Callable[[FloatArray], Modes]
) -> tuple[float, ...]:
    """Return the standard deviation of each sensor's level around its expected value; empty if there is none.

    Parameters
    ----------
    blocks : Blocks
        Scaled inputs of normal windows.
    mode_of : callable
        Returns the mode of each window of a block.
    """
    if not attribution.gives_levels:
        return ()
    levels = _levels(preprocessing)
    base = _level_bias(preprocessing, levels)
    apart = (block.astype(np.float64) @ levels + base - attribution.expected(block, mode_of(block)) for block in blocks)
    return tuple(np.sqrt(moments_of(apart, diagonal=True).variance).tolist())


def modes_of(head: ScoringHead, inputs: FloatArray) -> Modes:
    """Return the mode of each window; all 0 if the head has none."""
    if head.kind != "modes":
        return np.zeros(len(inputs), np.intp)
    return np.asarray(head.distances({"inputs": inputs}).argmin(axis=1))


def _shrunk(covariance: Floats) -> Floats:
    variance = np.maximum(np.diag(covariance), 1e-6)
    return np.asarray((1 - _SHRINKAGE) * covariance + _SHRINKAGE * np.diag(variance) + 1e-9 * np.eye(len(variance)))


def _maps(precision: Floats, sensors: int, levels: Floats) -> tuple[Floats, Floats]:
    """Return the blame map (d, d) and the map from ``x - mean`` to the shift of each sensor's level (d, sensors)."""
    blame, shift = np.empty_like(precision), np.empty_like(levels)
    for sensor in range(sensors):
        own = np.arange(sensor, len(precision), sensors)
        values, vectors = np.linalg.eigh(precision[np.ix_(own, own)])
        blame[:, own] = precision[:, own] @ (vectors / np.sqrt(values)) @ vectors.T
        if levels.shape[1]:
            inverse = (vectors / values) @ vectors.T
            shift[:, sensor] = precision[:, own] @ inverse @ levels[own, sensor]
    return blame, shift


def _levels(preprocessing: Preprocessing) -> Floats:
    """Return the map from inputs to each sensor's mean over the window in its own unit, up to a constant, (d, S).

    Its width is 0 if no feature carries a level.
    """
    sensors, row = preprocessing.sensors, 0
    weights = np.zeros((preprocessing.inputs_per_sensor, sensors))
    for feature in preprocessing.features:
        rows = rows_of(feature, preprocessing.window, preprocessing.bands)
        if feature in ("values", "mean"):
            weights[row : row + rows] = np.asarray(preprocessing.scale) / rows
            scale = np.asarray(preprocessing.feature_scale or np.ones(preprocessing.inputs)).reshape(-1, sensors)
            return np.asarray((weights * scale)[:, None, :] * np.eye(sensors)).reshape(-1, sensors)
        row += rows
    return np.zeros((preprocessing.inputs, 0))


def _level_bias(preprocessing: Preprocessing, levels: Floats) -> Floats:
    """Return the constants that `_levels` leaves out, shape (S,)."""
    if not levels.shape[1]:
        return np.zeros(0)
    center = np.asarray(preprocessing.feature_center or np.zeros(preprocessing.inputs))
    scale = np.asarray(preprocessing.feature_scale or np.ones(preprocessing.inputs))
    return np.asarray(np.asarray(preprocessing.center) + (center / scale) @ levels)
