"""Outputs of a file's network for the normal windows, and for the same windows with synthetic faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.fitting.heads import NormalRows
from edge_runtime.fitting.moments import Kept
from edge_runtime.fitting.outliers import usual_windows
from edge_runtime.fitting.stretch_faults import Fault
from edge_runtime.inference.heads import PARTS

Parts = Mapping[str, FloatArray]


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
    _shared: dict[tuple[tuple[str, ...], bytes], NormalRows] = field(default_factory=dict, compare=False, repr=False)

    def rows(self, head: str) -> FloatArray:
        """Return a head's ``z`` for the normal windows, shape (n, d)."""
        return np.concatenate([self.normal[name] for name in PARTS[head]], axis=1)

    def left_out(self, head: str, kept: Kept) -> NormalRows:
        """Return some of a head's rows, the same object for every head that is made of the same parts."""
        return self._shared.setdefault((PARTS[head], kept.kept.tobytes()), NormalRows(kept))

    @property
    def to_fit_on(self) -> Parts:
        """The outputs of the usual windows."""
        return self.normal if self.usual.all() else {name: part[self.usual] for name, part in self.normal.items()}


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
    usual = usual_windows([normal["inputs"]]) if is_series else np.ones(len(windows), bool)
    return FileOutputs(normal, tuple(faulty), usual)
