"""Parquet files as tables, read in batches by polars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge_runtime.errors import RecordingError, missing_extra
from edge_runtime.tables.table import Block, Header, Table

_BLOCK_ROWS = 65_536


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
        pl = self._polars
        self.columns([*names, *texts])
        for name in names:
            if not (self._schema[name].is_numeric() or self._schema[name] == pl.Boolean):
                raise RecordingError(
                    f"{self.name}, column {name!r}: expected numbers. Received: {self._schema[name]}. "
                    "Leave the column out (--exclude)."
                )
        columns = [*(pl.col(name).cast(pl.Float64) for name in names)]
        words = [pl.col(name).cast(pl.String).fill_null("").alias(f"text {name}") for name in texts]
        try:
            for batch in self._frame.select([*columns, *words]).collect_batches(
                chunk_size=_BLOCK_ROWS, maintain_order=True
            ):
                columns_of_text = tuple(batch[f"text {name}"].to_list() for name in texts)
                yield Block(batch.select(names).to_numpy(), columns_of_text)
        except pl.exceptions.PolarsError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> RecordingError:
        return RecordingError(f"cannot read {self.name}: {str(error).splitlines()[0]}. Expected a Parquet file.")
