"""Storage for up to hundreds of millions of rows: in memory while they are few, then in an unnamed file on disk."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import OutputError

_MEMORY_BYTES = 2**27
_BLOCK_BYTES = 2**24


class RowStore:
    """Collects blocks of rows into one array.

    Beyond 128 MB the rows go to an unnamed temporary file in the folder TMPDIR, and the array maps that file. The
    file disappears with the array, even if the process is killed.

    Parameters
    ----------
    sensors : int
    memory_bytes : int
        Maximum number of bytes kept in memory.
    kind : type
        Of the numbers.
    """

    def __init__(self, sensors: int, memory_bytes: int = _MEMORY_BYTES, *, kind: type = np.float32) -> None:
        self._sensors, self._memory_bytes = sensors, memory_bytes
        self._kind: np.dtype[Any] = np.dtype(kind)
        self._blocks: list[FloatArray] = []
        self._file: IO[bytes] | None = None
        self.rows = 0

    def append(self, block: FloatArray) -> None:
        """Add rows of shape (n, sensors).

        Raises
        ------
        OutputError
            If the disk is full.
        """
        self.rows += len(block)
        if self._file is not None:
            self._write(block)
            return
        self._blocks.append(block)
        if self._kind.itemsize * self.rows * self._sensors > self._memory_bytes:
            self._file = tempfile.TemporaryFile(prefix="saelite-")  # noqa: SIM115 - lives as long as the array
            weakref.finalize(self, self._file.close)
            for kept in self._blocks:
                self._write(kept)
            self._blocks = []

    def array(self) -> FloatArray:
        """Return all rows, shape (rows, sensors), read-only when they are on disk."""
        if self._file is None:
            return np.concatenate([np.empty((0, self._sensors), self._kind), *self._blocks])
        self._file.flush()
        return np.memmap(self._file, self._kind, "r", shape=(self.rows, self._sensors))

    def _write(self, block: FloatArray) -> None:
        try:
            np.ascontiguousarray(block, self._kind).tofile(self._file)  # type: ignore[arg-type]
        except OSError as error:
            raise OutputError(
                f"no room for the recording's rows in {tempfile.gettempdir()}: {error}. Expected "
                f"{self._kind.itemsize * self._sensors} bytes per row. Choose a larger disk with TMPDIR=/folder, or "
                "fewer --rows."
            ) from error


def blocks_of(values: FloatArray, start: int = 0, stop: int | None = None) -> Iterator[FloatArray]:
    """Yield consecutive rows in blocks of 16 MB; rows on disk leave memory after use."""
    rows = max(1, _BLOCK_BYTES // (4 * values.shape[1]))
    stop = len(values) if stop is None else stop
    for first in range(start, stop, rows):
        yield values[first : min(first + rows, stop)]
        forget(values)


def forget(values: FloatArray) -> None:
    """Release the memory pages of rows on disk; the next use reads them again."""
    base: object = values
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(base, "madvise"):
        base.madvise(mmap.MADV_DONTNEED)


def select_columns(values: FloatArray, columns: list[int]) -> FloatArray:
    """Return some columns; rows on disk stay on disk."""
    if not isinstance(values, np.memmap):
        return values[:, columns]
    store = RowStore(len(columns))
    for block in blocks_of(values):
        store.append(block[:, columns])
    return store.array()
