"""Normal data for a model without a run folder, used for quantisation, comparison and fitting."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import RecordingError
from edge_runtime.signal.windows import sliding_windows
from edge_runtime.tables.open_table import open_table

_LEAST_WINDOWS = 16


@dataclass(frozen=True)
class NormalData:
    """Values as the model takes them, not scaled by saelite.

    Parameters
    ----------
    values : ndarray of shape (n, …), float32
        Rows, or windows of rows.
    sensors : tuple of str
        Column names; empty if the file has none.
    sha256 : str
        Of the file.
    """

    values: FloatArray
    sensors: tuple[str, ...]
    sha256: str

    def windows(self, inputs: int, readings: int) -> FloatArray:
        """Return windows of shape (n, readings, sensors) for a model with `inputs` inputs.

        Raises
        ------
        RecordingError
            If the values do not fit the model, are not finite, or are too few.
        """
        sensors, values = inputs // readings, self.values
        if values.ndim == 2 and values.shape[1] == sensors and readings > 1:
            values = sliding_windows(values, readings)
        if int(np.prod(values.shape[1:])) != inputs:
            raise RecordingError(
                f"the representative data do not fit the model: expected {inputs} values per window "
                f"({readings} reading(s) of {sensors} sensor(s)). Received: shape {self.values.shape}."
            )
        windows: FloatArray = np.ascontiguousarray(values, np.float32).reshape(-1, readings, sensors)
        if not np.isfinite(windows).all():
            raise RecordingError("the representative data hold NaN or infinite values. Leave those rows out.")
        if len(windows) < _LEAST_WINDOWS:
            raise RecordingError(
                f"too few representative windows: expected at least {_LEAST_WINDOWS}, preferably several hundred. "
                f"Received: {len(windows)}."
            )
        return windows


def read_normal_data(path: Path) -> NormalData:
    """Read a ``.npy`` or ``.npz`` array, or a recording without its label and time columns.

    An .npz holds the array under ``windows``, or as its only one.

    Raises
    ------
    RecordingError
        If the file cannot be read or holds no numbers.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RecordingError(
            f"cannot read {path}: {error.strerror}. Expected normal data: .csv, .npy or .npz"
        ) from error
    if path.suffix in (".npy", ".npz"):
        return NormalData(_array(path), (), digest)
    with open_table(path) as rows:
        names = rows.header.candidates
        values: FloatArray = np.concatenate([block.values for block in rows.blocks(names)], dtype=np.float32)
    return NormalData(values, names, digest)


def _array(path: Path) -> npt.NDArray[np.float32]:
    try:
        content = np.load(path, allow_pickle=False)
        return np.asarray(content if isinstance(content, np.ndarray) else _only_array(content, path), np.float32)
    except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise RecordingError(f"{path} holds no numeric array ({error}).") from error


def _only_array(archive: np.lib.npyio.NpzFile, path: Path) -> npt.NDArray[np.float32]:
    with archive:
        if "windows" in archive.files or len(archive.files) == 1:
            array: npt.NDArray[np.float32] = archive["windows" if "windows" in archive.files else archive.files[0]]
            return array
        raise RecordingError(
            f"{path} holds {len(archive.files)} arrays ({', '.join(archive.files)}): expected one, or one called "
            "'windows'."
        )
