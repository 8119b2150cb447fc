"""NPY and NPZ files as tables: NPY memory-mapped, NPZ read whole."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.common.size_limits import limit, raised_by
from edge_runtime.errors import RecordingError
from edge_runtime.tables.table import Block, Header, Table

_BLOCK_ROWS = 65_536
_NAMES = "sensors"
_LIMIT = "SAELITE_MAX_UNPACKING"
_ALWAYS_UNPACKED = 100_000_000


class ArrayTable(Table):
    """Columns taken from arrays.

    ==============================  =====================================================================
    NPY, shape (n, sensors)         columns ``sensor0``, ``sensor1`` …; shape (n,) is one sensor
    NPY with a structured dtype     one column per field
    NPZ with arrays of shape (n,)   one column per array, by its name
    NPZ with one (n, sensors) array its columns, named by an array ``sensors`` of text, beside the others
    ==============================  =====================================================================

    Raises
    ------
    RecordingError
        If the file is damaged, holds objects, or its arrays do not match.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        arrays = _load(Path(path))
        self._array = arrays.get("")
        self._columns = _columns(arrays, self.name)
        lengths = {len(column) for column in self._columns.values()}
        if len(lengths) > 1:
            raise RecordingError(
                f"{self.name}: its arrays have {sorted(lengths)} rows. Expected the same number in each."
            )
        self._rows = lengths.pop() if lengths else 0
        self.header = Header(tuple(self._columns))

    def blocks(self, names: Sequence[str], texts: Sequence[str] = ()) -> Iterator[Block]:
        """Yield the rows; see `Table.blocks`."""
        self.columns([*names, *texts])
        for name in names:
            if self._columns[name].dtype.kind not in "biuf":
                raise RecordingError(
                    f"{self.name}, column {name!r}: expected real numbers. "
                    f"Received: dtype {self._columns[name].dtype}. Leave the column out (--exclude)."
                )
        for start in range(0, self._rows, _BLOCK_ROWS):
            chosen = slice(start, start + _BLOCK_ROWS)
            values = np.stack([self._columns[name][chosen].astype(np.float64) for name in names], axis=1)
            yield Block(values, tuple(self._columns[name][chosen].astype(str).tolist() for name in texts))

    def mapped(self, names: Sequence[str]) -> FloatArray | None:
        """Return an NPY file's rows as they lie on disk, where they are these columns in float32; else None."""
        array = self._array
        whole = array is not None and array.ndim == 2 and array.dtype == np.float32 and array.flags.c_contiguous
        return array if whole and tuple(names) == self.header.names else None


def _load(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a file by name; the one of an NPY file has no name."""
    try:
        # numpy leaves the file open where the ZIP is damaged, so it gets one that closes by itself.
        with path.open("rb") as file:
            zipped = file.read(2) == b"PK"
            file.seek(0)
            if zipped:
                _check_unpacking(file, path)
                with np.load(file, allow_pickle=False) as archive:
                    return {name: archive[name] for name in archive.files}
        return {"": np.load(path, mmap_mode="r", allow_pickle=False)}
    except (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise RecordingError(
            f"cannot read {path}: {error}. Expected an NPY or NPZ file of numbers, without Python objects."
        ) from error


def _check_unpacking(file: IO[bytes], path: Path) -> None:
    """Refuse an archive that unpacks to hundreds of times itself."""
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    file.seek(0)
    most = limit(_LIMIT)
    if unpacked > _ALWAYS_UNPACKED and unpacked > most * path.stat().st_size:
        raise RecordingError(f"{path} unpacks to more than {most} times its size. {raised_by(_LIMIT)}")


def _columns(arrays: dict[str, npt.NDArray[Any]], name: str) -> dict[str, npt.NDArray[Any]]:
    names = arrays.pop(_NAMES, None)
    columns: dict[str, npt.NDArray[Any]] = {}
    for key, array in arrays.items():
        if array.dtype.names:
            columns |= {field: array[field] for field in array.dtype.names}
        elif array.ndim == 1:
            columns[key or "sensor0"] = array
        elif array.ndim == 2:
            columns |= dict(zip(_names(names, array.shape[1], name), array.T, strict=True))
        else:
            raise RecordingError(
                f"{name}: expected arrays of shape (rows, sensors) or (rows,). Received: {key or 'array'} of "
                f"shape {array.shape}."
            )
    return columns


def _names(given: npt.NDArray[Any] | None, count: int, name: str) -> list[str]:
    names = [f"sensor{number}" for number in range(count)] if given is None else [str(item) for item in given.ravel()]
    if len(set(names)) != count:
        raise RecordingError(f"{name}: expected {count} different names in {_NAMES!r}. Received: {', '.join(names)}.")
    return names
