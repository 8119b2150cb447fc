"""The state of a training between two epochs, on disk: whole or not at all."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_runtime.atomic import write_atomically
from edge_runtime.errors import ModelFileError
from edge_runtime.preprocessing import FloatArray

_GROUPS = ("weights", "best_weights", "optimizer")


@dataclass(frozen=True)
class Checkpoint:
    """What it takes to go on.

    Parameters
    ----------
    history : tuple of tuple of float
        One row per epoch.
    weights, best_weights, optimizer : tuple of ndarray
    """

    history: tuple[tuple[float, ...], ...]
    weights: tuple[FloatArray, ...]
    best_weights: tuple[FloatArray, ...]
    optimizer: tuple[FloatArray, ...]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file atomically: a process killed at any moment leaves this state or the one before."""
    arrays = {
        f"{group}_{number}": array for group in _GROUPS for number, array in enumerate(getattr(checkpoint, group))
    }
    buffer = io.BytesIO()
    np.savez(buffer, history=np.asarray(checkpoint.history), **arrays)
    write_atomically(path, buffer.getvalue())


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the file.

    Raises
    ------
    ModelFileError
        If it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            groups = [
                tuple(archive[f"{group}_{number}"] for number in range(_count(archive.files, group)))
                for group in _GROUPS
            ]
            return Checkpoint(tuple(map(tuple, archive["history"].tolist())), *groups)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path} is damaged ({error}). Delete it to begin the training anew.") from error


def _count(names: list[str], group: str) -> int:
    return sum(name.rpartition("_")[0] == group for name in names)
