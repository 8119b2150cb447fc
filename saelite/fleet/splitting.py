"""One table of many assets, split into a file for each, in bounded memory and one pass over the rows."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.common.asset_names import folder_of
from edge_runtime.common.atomic import write_atomically
from edge_runtime.errors import RecordingError, missing_extra
from edge_runtime.tables.csv_table import CsvTable
from edge_runtime.tables.open_table import open_table
from edge_runtime.tables.parquet_table import ParquetTable

if TYPE_CHECKING:
    import polars as pl

_FINISHED = "split.json"
_COLUMN = "saelite asset"


@dataclass(frozen=True)
class Splitting:
    """A table that is split into ``asset=NAME/rows.…``, as text where it was text: all cells stay as they are.

    Parameters
    ----------
    folder : Path
        For the parts.
    by : str
        Column with the assets' names.
    source : str
        Of the table, for messages and to know a finished split again.
    """

    folder: Path
    by: str
    source: str

    @property
    def is_finished(self) -> bool:
        """Whether this table was split into the folder completely."""
        try:
            return bool(json.loads((self.folder / _FINISHED).read_text()) == self._record)
        except (OSError, ValueError):
            return False

    @property
    def _record(self) -> dict[str, str]:
        return {"source": self.source, "by": self.by}

    def split(self, files: list[Path]) -> None:
        """Split the rows of some files, which follow each other.

        Raises
        ------
        RecordingError
            If they are not CSV or Parquet, have no such column, or differ in their columns.
        MissingExtraError
            If polars is not installed.
        """
        try:
            import polars as pl
        except ImportError as error:
            raise missing_extra("polars", "workstation", "splitting a table by asset") from error
        table, suffix, separator = _form(files[0], self.by)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        try:
            self._sink(table(files), suffix, separator)
            for part in self.folder.iterdir():
                _join(part, suffix, separator)
        except pl.exceptions.PolarsError as error:
            raise RecordingError(
                f"cannot split {self.source} by {self.by!r}: {str(error).splitlines()[0]}. Expected CSV or Parquet "
                "with the same columns in every file."
            ) from error
        write_atomically(self.folder / _FINISHED, json.dumps(self._record).encode())

    def _sink(self, frame: pl.LazyFrame, suffix: str, separator: str) -> None:
        """Write the rows of each asset into one file or several, numbered."""
        import polars as pl

        named = frame.filter(pl.col(self.by).is_not_null()).with_columns(
            pl.col(self.by).cast(pl.String).str.strip_chars().alias(_COLUMN)
        )
        named = named.filter(pl.col(_COLUMN) != "").drop(self.by)

        def place(part: Any) -> str:
            folder = folder_of(str(part.partition_keys[_COLUMN][0]))
            (self.folder / folder).mkdir(exist_ok=True)
            return f"{folder}/{part.index_in_partition:09d}{suffix}"

        parts = pl.PartitionBy(
            self.folder, key=_COLUMN, include_key=False, file_path_provider=place, approximate_bytes_per_file=None
        )
        if suffix == ".csv":
            named.sink_csv(parts, separator=separator)
        else:
            named.sink_parquet(parts)


def _form(file: Path, by: str) -> tuple[Any, str, str]:
    """Return how to read files like this one, the ending of the parts, and the separator."""
    import polars as pl

    with open_table(file) as table:
        if by not in table.header.names:
            raise RecordingError(
                f"{file.name} has no column {by!r}, which names the asset. Columns there: "
                f"{', '.join(table.header.names)}. Name it with --by."
            )
        if isinstance(table, ParquetTable):
            return lambda files: pl.scan_parquet(files, hive_partitioning=False), ".parquet", ""
        if isinstance(table, CsvTable):
            separator = table.format.separator
            return lambda files: pl.scan_csv(files, separator=separator, infer_schema=False), ".csv", separator
    raise RecordingError(f"{file.name} cannot be split by {by!r}. Expected one CSV or Parquet file of all assets.")


def _join(folder: Path, suffix: str, separator: str) -> None:
    """Make one file of an asset's parts: no window reaches from one file to the next."""
    import polars as pl

    parts, whole = sorted(folder.iterdir()), folder / f"rows{suffix}"
    if len(parts) == 1:
        parts[0].rename(whole)
        return
    if suffix == ".csv":
        pl.scan_csv(parts, separator=separator, infer_schema=False).sink_csv(whole, separator=separator)
    else:
        pl.scan_parquet(parts, hive_partitioning=False).sink_parquet(whole)
    for part in parts:
        part.unlink()
