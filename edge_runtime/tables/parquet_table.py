"""Parquet files as tables, read in batches by polars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge_runtime.arrays import Times
from edge_runtime.errors import RecordingError, missing_extra
from edge_runtime.tables.table import Block, Header, Table
from edge_runtime.tables.time_text import LOCAL, ZONED

_BLOCK_ROWS = 65_536
_BLOCK_VALUES = 1 << 20
"""Of wide tables a block has fewer rows: it is in memory several times over."""
_TIME = "saelite time"


class ParquetTable(Table):
    """A Parquet file; columns of time and text are read as text.

    Raises
    ------
    MissingExtraError
        If polars is not installed.
    RecordingError
        If the file is damaged, or a sensor's column is not of numbers.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            import polars as pl
        except ImportError as error:
            raise missing_extra("polars", "workstation", "reading Parquet") from error
        self._polars: Any = pl
        self.name = str(path)
        try:
            self._frame = pl.scan_parquet(path, low_memory=True)
            self._schema = self._frame.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._unreadable(error) from error
        self.header = Header(tuple(self._schema))

    def blocks(self, names: Sequence[str], texts: Sequence[str] = ()) -> Iterator[Block]:
        """Yield the rows; see `Table.blocks`."""
        for batch in self._batches(names, texts):
            yield _block(batch, names, texts)

    def timed(self, names: Sequence[str], time: str, texts: Sequence[str] = ()) -> Iterator[tuple[Times, Block]]:
        """Yield the rows and their times, which are not written out and read again; see `Table.timed`."""
        self.columns([time])
        seconds = self._seconds(time)
        if seconds is None:
            yield from super().timed(names, time, texts)
            return
        for batch in self._batches(names, texts, [seconds.alias(_TIME)]):
            yield batch[_TIME].to_numpy(), _block(batch, names, texts)

    def time_kind(self, time: str) -> str:
        """Return what a column of times holds; see `Table.time_kind`."""
        kind = self._schema[time]
        if isinstance(kind, self._polars.Datetime):
            return ZONED if kind.time_zone else LOCAL
        return super().time_kind(time)

    def _seconds(self, time: str) -> Any:
        """Return an expression for a column of times in seconds; None if they have to be read from their text."""
        pl = self._polars
        kind, column = self._schema[time], self._polars.col(time)
        if isinstance(kind, pl.Datetime):
            return column.dt.cast_time_unit("us").to_physical().cast(pl.Float64) / 1e6
        # The text of a float32 has fewer digits than the number, and is what is meant: 0.1, not 0.100000001.
        return column.cast(pl.Float64) if kind.is_integer() or kind == pl.Float64 else None

    def _batches(self, names: Sequence[str], texts: Sequence[str], others: Sequence[Any] = ()) -> Iterator[Any]:
        pl = self._polars
        self.columns([*names, *texts])
        for name in names:
            if not (self._schema[name].is_numeric() or self._schema[name] == pl.Boolean):
                raise RecordingError(
                    f"{self.name}, column {name!r}: expected numbers. Received: {self._schema[name]}. "
                    "Leave the column out (--exclude)."
                )
        number = pl.Float32 if all(self._schema[name] == pl.Float32 for name in names) else pl.Float64
        numbers = [pl.col(name).cast(number) for name in names]
        words = [pl.col(name).cast(pl.String).fill_null("").alias(f"text {name}") for name in texts]
        rows = min(_BLOCK_ROWS, max(1, _BLOCK_VALUES // max(1, len(names))))
        try:
            yield from self._frame.select([*numbers, *words, *others]).collect_batches(
                chunk_size=rows, maintain_order=True
            )
        except pl.exceptions.PolarsError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> RecordingError:
        return RecordingError(f"cannot read {self.name}: {str(error).splitlines()[0]}. Expected a Parquet file.")


def _block(batch: Any, names: Sequence[str], texts: Sequence[str]) -> Block:
    return Block(batch.select(names).to_numpy(order="c"), tuple(batch[f"text {name}"].to_list() for name in texts))
