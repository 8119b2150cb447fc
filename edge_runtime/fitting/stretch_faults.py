"""Synthetic faults in a few sensors of a stretch of each block of the normal windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.blocks import block_bounds
from edge_runtime.fitting.synthetic_faults import FAULTS, with_fault

_SENSORS = 3
_WINDOWS = 120


@dataclass(frozen=True)
class Fault:
    """One fault in a stretch of windows.

    Parameters
    ----------
    name : str
        A key of `edge_runtime.fitting.synthetic_faults.FAULTS`.
    sensor : int
    block : int
        Block of the recording from which the stretch is cut.
    start, stop : int
        The stretch among the normal windows.
    windows : ndarray of shape (m, window, sensors), float32
        Raw, with the fault in them.
    """

    name: str
    sensor: int
    block: int
    start: int
    stop: int
    windows: FloatArray


def faults_in(windows: FloatArray, scale: FloatArray, seed: int = 0) -> tuple[Fault, ...]:
    """Return every fault in a few sensors of a stretch of each block.

    Parameters
    ----------
    windows : ndarray of shape (n, window, sensors), float32
        Raw normal windows in time order.
    scale : ndarray of shape (sensors,)
        Standard deviations.
    """
    rng, found = np.random.default_rng(seed), []
    for block, (first, last) in enumerate(block_bounds(len(windows))):
        length = min(_WINDOWS, last - first)
        if length < 2:
            continue
        start = first + int(rng.integers(last - first - length + 1))
        stretch = windows[start : start + length]
        for sensor in rng.permutation(windows.shape[2])[:_SENSORS].tolist():
            found += [
                Fault(name, sensor, block, start, start + length, with_fault(name, stretch, sensor, scale[sensor], rng))
                for name in FAULTS
            ]
    return tuple(found)
