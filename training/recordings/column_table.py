"""Recordings that are in memory already: a data frame's columns, or an array's, as a table.

A frame is known by what it can do, ``columns`` and ``to_numpy``, as pandas' and polars' can: neither is imported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import RecordingError, UsageError
from edge_runtime.tables.row_range import RowRange
from edge_runtime.tables.table import TIME_NAMES, Block, Header, Table

_BLOCK_ROWS = 65_536
_TIME = "time"
_MISSING = frozenset({"NAType", "NaTType", "NoneType"})
Column: TypeAlias = npt.NDArray[Any]


@runtime_checkable
class Frame(Protocol):
    """A data frame."""

    @property
    def columns(self) -> Any:
        """Names of the columns."""

    def to_numpy(self) -> Any:
        """Return the values."""

    def __getitem__(self, name: Any) -> Any: ...


InMemory: TypeAlias = Frame | npt.ArrayLike


class ColumnTable(Table):
    """A data frame's columns, or those of an array of shape (n, sensors): sensor0, sensor1 and so on.

    Parameters
    ----------
    source : data frame or array-like
        The time is a column of one of the usual names, or a frame's index of dates and times.

    Raises
    ------
    RecordingError
        If it is neither.

    Examples
    --------
    >>> table = ColumnTable([[1.0, 2.0], [3.0, 4.0]])
    >>> table.header.candidates, next(table.blocks(["sensor1"])).values.tolist()
    (('sensor0', 'sensor1'), [[2.0], [4.0]])
    """

    def __init__(self, source: InMemory) -> None:
        self.name = "the recording"
        self._columns = _of_frame(source) if isinstance(source, Frame) else _of_array(source)
        self.header = Header(tuple(self._columns))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return max((len(column) for column in self._columns.values()), default=0)

    @property
    def sha256(self) -> str:
        """Digest of names and values."""
        digest = hashlib.sha256()
        for name, column in self._columns.items():
            digest.update(name.encode())
            digest.update("\n".join(_texts(column)).encode() if column.dtype.kind == "O" else column.tobytes())
        return digest.hexdigest()

    def blocks(self, names: Sequence[str], texts: Sequence[str] = ()) -> Iterator[Block]:
        """Yield the rows; see `Table.blocks`."""
        self.columns([*names, *texts])
        for start in range(0, self.rows, _BLOCK_ROWS):
            chosen = slice(start, start + _BLOCK_ROWS)
            values = np.stack([self._numbers(name, chosen) for name in names], axis=1)
            yield Block(values, tuple(_texts(self._columns[name][chosen]) for name in texts))

    def _numbers(self, name: str, chosen: slice) -> FloatArray:
        column = self._columns[name][chosen]
        if column.dtype.kind in "biuf":
            return column.astype(np.float64)
        try:
            return np.array([np.nan if _is_missing(value) else float(value) for value in column], np.float64)
        except (TypeError, ValueError) as error:
            raise RecordingError(
                f"{self.name}, column {name!r}: expected numbers. Received: {error}. Leave the column out (exclude)."
            ) from error


def rows_of(rows: RowRange, table: Table) -> slice:
    """Return a part as rows of an open table.

    Raises
    ------
    UsageError
        If it is in time, and the table in memory.
    """
    if not isinstance(table, ColumnTable):
        return rows.rows(table.name)
    bounds = []
    for bound in (rows.start, rows.stop):
        if bound is not None and bound.kind not in ("row", "share"):
            raise UsageError("rows: expected rows (0:400) or per cent (25%:75%) of a frame. Cut it by time yourself.")
        bounds.append(bound and int(bound.value if bound.kind == "row" else round(bound.value * table.rows)))
    return slice(*bounds)


def _of_frame(frame: Frame) -> dict[str, Column]:
    columns = {str(name): np.asarray(frame[name].to_numpy()) for name in frame.columns}
    index = getattr(frame, "index", None)
    # Times with a zone come as objects: the index's own dtype says what they are.
    is_timed = str(getattr(index, "dtype", "")).startswith("datetime64")
    if index is None or not is_timed or any(name.lower() in TIME_NAMES for name in columns):
        return columns
    return {_TIME: np.asarray(index.to_numpy()), **columns}


def _of_array(source: npt.ArrayLike) -> dict[str, Column]:
    array = np.asarray(source)
    if array.ndim == 1 and array.dtype.kind in "biuf":
        array = array[:, None]
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise RecordingError(
            "expected a path, a pandas or polars data frame, or an array of numbers of shape (n, sensors). "
            f"Received: {type(source).__name__} of shape {array.shape}, dtype {array.dtype}."
        )
    return {f"sensor{number}": np.ascontiguousarray(column) for number, column in enumerate(array.T)}


def _texts(column: Column) -> list[str]:
    return ["" if _is_missing(value) else str(value) for value in column]


def _is_missing(value: object) -> bool:
    return type(value).__name__ in _MISSING or value is None
