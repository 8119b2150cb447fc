"""A few faulty minutes among the normal windows: found by their own distance, and left out of the fit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from edge_runtime.preprocessing import FloatArray
from export.fitting.heads import fit_head

_ROUNDS = 3
# Robust standard deviations of the log distance: normal windows of a heavy tail stay in.
_FAR_OUT = 6.0
_MOST = 0.1
_MAD_TO_SIGMA = 1.4826
_FIRST_GUESS = 0.75
_LEAST_PER_INPUT = 4
_TINY = 1e-12


def usual_windows(parts: Mapping[str, FloatArray]) -> npt.NDArray[np.bool_]:
    """Return which windows to fit on, shape (n,): all but those far out from the bulk, a tenth at most.

    The bulk is found by fitting T² of the inputs on the nearer windows and looking again, a few times, as the minimum
    covariance determinant does (Rousseeuw and Van Driessen, 1999, A fast algorithm for the minimum covariance
    determinant estimator).
    """
    inputs = parts["inputs"]
    if len(inputs) < _LEAST_PER_INPUT * inputs.shape[1]:
        return np.ones(len(inputs), bool)
    distance = np.abs(inputs).max(axis=1)
    usual = distance <= np.quantile(distance, _FIRST_GUESS)
    for _ in range(_ROUNDS):
        scores = fit_head("inputs", {"inputs": inputs[usual]}).score({"inputs": inputs}).astype(np.float64)
        logs = np.log(scores + _TINY)
        middle = np.median(logs)
        far_out = middle + _FAR_OUT * _MAD_TO_SIGMA * np.median(np.abs(logs - middle))
        usual = logs <= max(far_out, float(np.quantile(logs, 1 - _MOST)))
    return np.asarray(usual)
