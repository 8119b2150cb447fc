"""Faulty minutes among the normal windows, found by their distance and left out of the fit."""

from __future__ import annotations

import numpy as np

from edge_runtime.arrays import BoolArray
from edge_runtime.fitting.blocks import BLOCKS, block_bounds
from edge_runtime.fitting.moments import Blocks, Floats, Kept, moments_of
from edge_runtime.fitting.whitening import whitening_of

_ROUNDS = 3
# An accident happens once or twice. Far-out windows this close to each other, as a share of the recording, are one.
_EPISODES, _EPISODE_GAP = 3, 0.02
_FAR_OUT = 6.0
_MOST = 0.1
_MAD_TO_SIGMA = 1.4826
_FIRST_GUESS = 0.75
_LEAST_PER_INPUT = 4
_TINY = 1e-12


def usual_windows(inputs: Blocks) -> BoolArray:
    """Return which windows to fit on, shape (n,): all but the extreme ones, at most a tenth.

    Extreme means six robust standard deviations of the logarithm of T², beyond any heavy tail of normal work. What is
    extreme three times or more, or in most parts of the recording, is a mode of the machine and stays.

    The bulk is found by fitting T² of the inputs on the nearer windows and looking again, a few times, as the minimum
    covariance determinant does (Rousseeuw and Van Driessen, 1999, A fast algorithm for the minimum covariance
    determinant estimator).

    Parameters
    ----------
    inputs : Blocks
        Scaled inputs of normal windows, shape (m, d).
    """
    distance, d = _largest(inputs)
    if len(distance) < _LEAST_PER_INPUT * d:
        return np.ones(len(distance), bool)
    usual = np.asarray(distance <= np.quantile(distance, _FIRST_GUESS))
    for _ in range(_ROUNDS):
        logs = np.log(_t2(inputs, usual) + _TINY)
        middle = np.median(logs)
        far_out = middle + _FAR_OUT * _MAD_TO_SIGMA * np.median(np.abs(logs - middle))
        usual = np.asarray(logs <= max(far_out, float(np.quantile(logs, 1 - _MOST))))
    return np.ones(len(distance), bool) if _recurs(~usual) else usual


def _largest(inputs: Blocks) -> tuple[Floats, int]:
    """Return the largest absolute input of each window, and the number of inputs."""
    found, d = [], 0
    for block in inputs:
        found.append(np.abs(block).max(axis=1).astype(np.float64))
        d = block.shape[1]
    return np.concatenate(found), d


def _t2(inputs: Blocks, fitted_on: BoolArray) -> Floats:
    rows = Kept(inputs, fitted_on)
    moments = moments_of(rows)
    whitening = whitening_of(rows, moments)
    return np.concatenate([np.square((block - moments.mean) @ whitening).sum(axis=1) for block in inputs])


def _recurs(far_out: BoolArray) -> bool:
    gaps = np.diff(np.flatnonzero(far_out))
    episodes = 1 + int((gaps > _EPISODE_GAP * len(far_out)).sum())
    blocks = sum(bool(far_out[start:stop].any()) for start, stop in block_bounds(len(far_out)))
    return episodes >= _EPISODES or blocks > BLOCKS // 2
