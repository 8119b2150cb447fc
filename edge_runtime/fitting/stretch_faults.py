"""Synthetic faults in a few sensors of a stretch of each block of the normal windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.blocks import block_bounds
from edge_runtime.fitting.synthetic_faults import FAULTS, with_fault

_SENSORS = 3
# The longer the recording, the longer the faults that matter: an eighth of a block, from 120 windows to 250.
_SHORTEST, _LONGEST, _SHARE = 120, 250, 8


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


class Windows(Protocol):
    """Normal windows in time order, an array or a sequence that is cut on demand."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Windows, readings in each, sensors."""

    def __len__(self) -> int: ...

    def __getitem__(self, chosen: slice) -> FloatArray:
        """Return successive windows."""


def faults_in(windows: Windows, scale: FloatArray, seed: int = 0) -> tuple[Fault, ...]:
    """Return what `each_fault` yields."""
    return tuple(each_fault(windows, scale, seed))


def each_fault(windows: Windows, scale: FloatArray, seed: int = 0) -> Iterator[Fault]:
    """Yield every fault in a few sensors of a stretch of each block.

    Parameters
    ----------
    windows : Windows
        Raw, of shape (n, window, sensors).
    scale : ndarray of shape (sensors,)
        Standard deviations.
    """
    rng = np.random.default_rng(seed)
    for block, (first, last) in enumerate(block_bounds(len(windows))):
        length = min(max(_SHORTEST, min((last - first) // _SHARE, _LONGEST)), last - first)
        if length < 2:
            continue
        start = first + int(rng.integers(last - first - length + 1))
        stretch = windows[start : start + length]
        for sensor in rng.permutation(windows.shape[2])[:_SENSORS].tolist():
            for name in FAULTS:
                faulty = with_fault(name, stretch, sensor, scale[sensor], rng)
                yield Fault(name, sensor, block, start, start + length, faulty)
