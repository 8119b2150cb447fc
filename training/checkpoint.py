"""The state of a training between two epochs, written to disk completely or not at all."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.common.atomic import write_atomically
from edge_runtime.errors import ModelFileError, UsageError

_GROUPS = ("weights", "best_weights", "optimizer")


@dataclass(frozen=True)
class Checkpoint:
    """What a training needs to resume.

    Parameters
    ----------
    history : tuple of tuple of float
        One row per epoch.
    weights, best_weights : tuple of ndarray
        As `training.autoencoder.learnt` returns them.
    optimizer : tuple of ndarray
        Adam's moments and powers.
    """

    history: tuple[tuple[float, ...], ...]
    weights: tuple[FloatArray, ...]
    best_weights: tuple[FloatArray, ...]
    optimizer: tuple[FloatArray, ...]


class CheckpointFile:
    """The file that stores a training's state.

    Parameters
    ----------
    path : Path
    fingerprint : str
        Identifies data and settings: only the same training resumes from the file.
    interval_s : float
        Minimum time between two writes, and what a crash costs at most.
    """

    def __init__(self, path: Path, fingerprint: str = "", interval_s: float = 2.0) -> None:
        self.path, self._fingerprint, self._interval_s = path, fingerprint, interval_s
        self._written = -np.inf

    def is_due(self) -> bool:
        """Return whether the interval since the last write is over."""
        return time.monotonic() - self._written >= self._interval_s

    def write(self, checkpoint: Checkpoint) -> None:
        """Write the file atomically: a process killed at any moment leaves this state or the previous one."""
        arrays = {
            f"{group}_{number}": array for group in _GROUPS for number, array in enumerate(getattr(checkpoint, group))
        }
        buffer = io.BytesIO()
        np.savez(buffer, history=np.asarray(checkpoint.history), fingerprint=np.asarray(self._fingerprint), **arrays)
        write_atomically(self.path, buffer.getvalue())
        self._written = time.monotonic()

    def read(self) -> Checkpoint | None:
        """Read the file; None if it does not exist.

        Raises
        ------
        ModelFileError
            If it is damaged.
        UsageError
            If it belongs to other data or settings.
        """
        if not self.path.exists():
            return None
        try:
            with np.load(io.BytesIO(self.path.read_bytes()), allow_pickle=False) as archive:
                found = str(archive["fingerprint"])
                groups = [_group(archive, name) for name in _GROUPS]
                checkpoint = Checkpoint(tuple(map(tuple, archive["history"].tolist())), *groups)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ModelFileError(f"{self.path} is damaged ({error}). Delete it to start the training again.") from error
        if found != self._fingerprint:
            raise UsageError(
                f"{self.path} is the state of a training on other data or with other options. Expected the data and "
                "options it was started with. Repeat those options, or omit --resume to start again."
            )
        return checkpoint


def _group(archive: Mapping[str, FloatArray], group: str) -> tuple[FloatArray, ...]:
    count = sum(name.rpartition("_")[0] == group for name in archive)
    return tuple(archive[f"{group}_{number}"] for number in range(count))
