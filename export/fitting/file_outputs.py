"""Outputs of a file's network for the normal windows, and for the same windows with synthetic faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray
from export.fitting.blocks import block_bounds
from export.fitting.outliers import usual_windows
from export.fitting.synthetic_faults import FAULTS, with_fault

Parts = Mapping[str, FloatArray]
_SENSORS = 3
_WINDOWS = 120


@dataclass(frozen=True)
class Fault:
    """One fault in a stretch of windows.

    Parameters
    ----------
    name : str
        A key of `export.fitting.synthetic_faults.FAULTS`.
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


@dataclass(frozen=True)
class FileOutputs:
    """The outputs that heads are fitted on and judged by.

    Parameters
    ----------
    normal : mapping of str to ndarray of shape (n, width)
        See `edge_runtime.inference.heads.PARTS`.
    faulty : tuple of mapping
        The same for the windows of each fault.
    usual : ndarray of shape (n,), bool
        Normal windows to fit on, without the few extreme ones, such as a faulty minute within the recording.
    """

    normal: Parts
    faulty: tuple[Parts, ...]
    usual: BoolArray

    @property
    def to_fit_on(self) -> Parts:
        """The outputs of the usual windows."""
        return self.normal if self.usual.all() else {name: part[self.usual] for name, part in self.normal.items()}


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


def file_outputs(
    run: Callable[[FloatArray], Parts], windows: FloatArray, faults: tuple[Fault, ...], *, is_series: bool
) -> FileOutputs:
    """Run all windows at once, because each run starts its own interpreter.

    Rows without time order are all fitted on: a few extreme ones there are as likely a tail as an accident.
    """
    parts = run(np.concatenate([windows, *(fault.windows for fault in faults)]))
    edges = np.cumsum([len(windows), *(len(fault.windows) for fault in faults)])
    cut = {name: np.split(values, edges[:-1]) for name, values in parts.items()}
    normal, *faulty = ({name: pieces[number] for name, pieces in cut.items()} for number in range(len(edges)))
    usual = usual_windows(normal) if is_series else np.ones(len(windows), bool)
    return FileOutputs(normal, tuple(faulty), usual)
