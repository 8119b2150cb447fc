"""Scores of blocks left out, with the mean following as it will on the device."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.preprocessing import FloatArray, Preprocessing
from edge_runtime.smoothing import Smoother
from export.fitting.blocks import block_bounds, without_block
from export.fitting.choice import Candidate
from export.fitting.heads import fit_head

MEAN_RATE = 0.01
"""Fraction by which the input mean moves towards each quiet reading: a drift is followed within a hundred readings."""
_CEILING = 3.0


def left_out_tracked(
    inputs: FloatArray, candidate: Candidate, rate: float, limit: float, preprocessing: Preprocessing
) -> npt.NDArray[np.float64]:
    """Return smoothed scores of all normal windows by a head of inputs alone that did not see their block.

    The mean starts anew where each block begins, from that of the others. It follows the windows' own levels, one window
    after the other, which is what the device does reading by reading.

    Parameters
    ----------
    inputs : ndarray of shape (n, d), float32
    candidate : Candidate
    rate : float
    limit : float
        The mean stands still above it.
    """
    guard = -(-preprocessing.window // preprocessing.stride) - 1
    follows = _level_inputs(preprocessing)
    smoothed = np.empty(len(inputs))
    for start, stop in block_bounds(len(inputs)):
        kept = inputs[without_block(len(inputs), start, stop, guard)]
        head = fit_head(candidate.head, {"inputs": kept}, allow_drift=candidate.allow_drift)
        center, smoother = kept.mean(axis=0), Smoother(candidate.span)
        drift = np.zeros(inputs.shape[1], np.float32)
        for number in range(start, stop):
            score = smoother.update(float(head.score({"inputs": (inputs[number] - drift)[None]})[0]))
            smoothed[number] = score
            if score <= limit:
                drift += follows * np.float32(rate) * (inputs[number] - center - drift)
                np.clip(drift, -_CEILING, _CEILING, out=drift)
    return smoothed


def _level_inputs(preprocessing: Preprocessing) -> FloatArray:
    """Return 1 for inputs that move with a sensor's level, 0 for the others, shape (inputs,)."""
    moves = {"values", "mean", "min", "max"}
    rows = [
        float(feature in moves)
        for feature in preprocessing.features
        for _ in range(
            preprocessing.window
            if feature == "values"
            else preprocessing.bands
            if feature in ("spectrum", "logmel")
            else 1
        )
    ]
    return np.repeat(np.array(rows, np.float32), preprocessing.sensors)
