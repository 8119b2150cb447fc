"""Open a file of readings, whatever its format: told from its first bytes, never from its name."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.errors import RecordingError
from edge_runtime.tables.array_table import ArrayTable
from edge_runtime.tables.csv_table import CsvTable
from edge_runtime.tables.parquet_table import ParquetTable
from edge_runtime.tables.table import Table
from edge_runtime.tables.wav_table import WavTable

_MAGIC: dict[bytes, type[ArrayTable | ParquetTable | WavTable]] = {
    b"PAR1": ParquetTable,
    b"\x93NUM": ArrayTable,
    b"PK\x03\x04": ArrayTable,
    b"RIFF": WavTable,
    b"RIFX": WavTable,
}


def open_table(path: str | Path) -> Table:
    """Return a CSV, TSV (plain or gzip), Parquet, NPY, NPZ or WAV file, open; ``-`` is CSV from standard input.

    Raises
    ------
    RecordingError
        If the file cannot be read, or is none of these.
    """
    if str(path) == "-":
        return CsvTable(path)
    try:
        with Path(path).open("rb") as file:
            kind = _MAGIC.get(file.read(4))
    except FileNotFoundError as error:
        raise RecordingError(
            f"no such file: {path}. Expected a recording: CSV with a header line, Parquet, NPY, NPZ or WAV."
        ) from error
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror}.") from error
    return CsvTable(path) if kind is None else kind(path)
