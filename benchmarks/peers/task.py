"""The task of every peer: scaled normal windows to learn from, labelled windows to score."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.signal.preprocessing import Preprocessing
from edge_runtime.signal.windows import sliding_windows

if TYPE_CHECKING:  # a peer's process must not load tensorflow
    from training.recordings import Recording


@dataclass(frozen=True)
class PeerTask:
    """Windows of one recording.

    Parameters
    ----------
    name : str
    raw_normal, raw_test : ndarray of shape (n, window, sensors), float32
        In sensor units, for detectors that scale for themselves.
    normal, test : ndarray of shape (n, window * sensors), float32
        The same windows, scaled as for saelite's network.
    labels : ndarray of shape (n,), bool
        Of the windows to score: whether the last reading is anomalous.
    """

    name: str
    raw_normal: FloatArray
    raw_test: FloatArray
    normal: FloatArray
    test: FloatArray
    labels: BoolArray

    def write(self, path: Path) -> None:
        """Write an .npz file."""
        np.savez(path, **{name: np.asarray(value) for name, value in vars(self).items()})


def read_task(path: Path) -> PeerTask:
    """Read what `PeerTask.write` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return PeerTask(str(arrays["name"]), *(arrays[field.name] for field in fields(PeerTask)[1:]))


def make_task(recording: Recording, n_normal: int, preprocessing: Preprocessing) -> PeerTask:
    """Cut a labelled recording into windows: its first rows are normal, the rest is scored."""
    if recording.labels is None:
        raise ValueError("a recording with labels is needed")
    windows = {
        name: sliding_windows(rows, preprocessing.window, 1)
        for name, rows in (("normal", recording.values[:n_normal]), ("test", recording.values[n_normal:]))
    }
    scaled = {
        name: np.ascontiguousarray(preprocessing.transform(raw).reshape(len(raw), -1)) for name, raw in windows.items()
    }
    return PeerTask(
        recording.name,
        windows["normal"],
        windows["test"],
        scaled["normal"],
        scaled["test"],
        recording.labels[n_normal:][preprocessing.window - 1 :],
    )
