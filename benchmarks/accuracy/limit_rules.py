"""The limit of a baseline's smoothed scores, by the same rule as the product's own threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.baselines import Fit
from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.blocks import block_bounds, without_block
from edge_runtime.fitting.budget import FalseAlarmBudget
from edge_runtime.fitting.left_out import can_leave_out, smooth
from edge_runtime.fitting.limit import fit_limit
from edge_runtime.fitting.moments import Floats
from edge_runtime.fitting.promise import window_s_of
from edge_runtime.model_file.manifest import DetectorSpec

# Rows that repeat learnt ones have distance 0, and scores are in units of the limit.
_LEAST = 1e-12


@dataclass(frozen=True)
class BaselineLimit:
    """A limit of smoothed scores, and the share of normal windows expected above it."""

    value: float
    promised_far: float


def limit_of(fit: Fit, windows: FloatArray, spec: DetectorSpec, seed: int) -> BaselineLimit:
    """Return the limit, fitted on scores of held-out blocks of normal windows.

    Parameters
    ----------
    fit : callable
        See `benchmarks.accuracy.baselines.BASELINES`.
    windows : ndarray of shape (n, window, sensors), float32
        All normal windows, in time order.
    spec : DetectorSpec
        The compared detector's.
    seed : int
    """
    preprocessing = spec.preprocessing
    inputs = preprocessing.transform(windows)
    per_window = FalseAlarmBudget().per_window(window_s_of(preprocessing))
    limit = fit_limit(smooth(_left_out(fit, inputs, spec, seed), spec.scoring.smoothing_span), per_window)
    return BaselineLimit(max(limit.value, _LEAST), limit.share)


def _left_out(fit: Fit, inputs: FloatArray, spec: DetectorSpec, seed: int) -> Floats:
    if not can_leave_out(len(inputs)):
        return fit(inputs, seed)(inputs).astype(np.float64)
    guard = -(-spec.preprocessing.window // spec.preprocessing.stride) - 1
    scores = np.empty(len(inputs))
    for start, stop in block_bounds(len(inputs)):
        scores[start:stop] = fit(inputs[without_block(len(inputs), start, stop, guard)], seed)(inputs[start:stop])
    return scores
