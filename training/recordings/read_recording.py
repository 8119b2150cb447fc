"""A file, or a folder of files, into one recording, in bounded memory."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from edge_runtime.arrays import FloatArray, Times
from edge_runtime.common.counted import counted
from edge_runtime.errors import RecordingError
from edge_runtime.signal.only_when import condition_of
from edge_runtime.tables.array_table import ArrayTable
from edge_runtime.tables.open_table import open_table
from edge_runtime.tables.row_range import RowRange
from edge_runtime.tables.table import Table
from training.recordings.column_table import ColumnTable, InMemory, rows_of
from training.recordings.part import FilePart
from training.recordings.recording import Columns, Recording, choose_sensors
from training.recordings.store import RowStore, blocks_of

# Every machine has a file with such a name; it does not identify the machine.
_COMMON_NAMES = frozenset(
    ("normal", "train", "training", "data", "recording", "log", "logs", "readings", "good", "healthy", "test", "all")
)
SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".gz", ".parquet", ".npy", ".npz", ".wav"})


def read_recording(
    source: str | Path | InMemory,
    columns: Columns | None = None,
    *,
    rows: slice | RowRange = slice(None),
    on_missing: str = "skip",
    only_when: str = "",
) -> Recording:
    """Read CSV or TSV (plain or gzip), Parquet, NPY, NPZ, WAV, or a folder of these; a data frame or an array.

    All files of a folder are read in the order of their names; each must have the first one's sensors. Rows
    beyond 128 MB are kept on disk (`training.recordings.store`).

    Parameters
    ----------
    rows : slice or RowRange
        Which rows of each file to keep.
    on_missing : str
        See `edge_runtime.signal.missing.Repair`.
    only_when : str
        Keep only these rows, see `edge_runtime.signal.only_when`; no window spans rows that are left out.

    Raises
    ------
    RecordingError
        If a file cannot be read, a column is missing, a cell is not a number, no row is left, the rows are not
        sorted by time, or the files' sampling rates differ.
    """
    columns = columns or Columns()
    files = _opened_later(source)
    parts: list[FilePart] = []
    for file in files:
        with file() as table:
            sensors = parts[0].sensors if parts else choose_sensors(table.header, columns, table.name)
            _check_goes_with(table, sensors, parts)
            store = parts[0].store if parts else RowStore(len(sensors))
            times = parts[0].times if parts else RowStore(1, kind=np.float64)
            condition = condition_of(only_when, sensors)
            wanted = rows if isinstance(rows, slice) else rows_of(rows, table)
            mapped = _mapped(table, sensors, wanted) if len(files) == 1 and condition is None else None
            label = columns.label or table.header.label_column
            part = FilePart(table, sensors, label, store, times, store.rows, on_missing, condition)
            if mapped is None:
                part.read(wanted)
            parts.append(part)
    recording = _recording(source, parts, parts[0].store.array() if mapped is None else mapped)
    return replace(recording, only_when=only_when.strip(), off=sum(part.counters.off for part in parts))


def _opened_later(source: str | Path | InMemory) -> list[Callable[[], Table]]:
    if isinstance(source, (str, Path)):
        return [partial(open_table, file) for file in recording_files(Path(source))]
    return [partial(ColumnTable, source)]


def recording_files(path: Path) -> list[Path]:
    """Return the files of a recording: the file itself, or those of a folder in the order of their names.

    Raises
    ------
    RecordingError
        If a folder holds no recordings, or the recording is standard input.
    """
    if str(path) == "-":
        raise RecordingError(
            "training reads its recording more than once. Expected a file or a folder. Save the rows into a file first."
        )
    if not path.is_dir():
        return [path]
    files = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file()]
    files = [file for file in files if not file.name.startswith(".")]
    if not files:
        raise RecordingError(f"{path} holds no recordings. Expected files ending in {', '.join(sorted(SUFFIXES))}.")
    return sorted(files, key=_natural)


def recording_name(path: Path) -> str:
    """Return the name of a recording's model: the file's name, with the folder's if the file's name says little.

    >>> recording_name(Path("/plant/pump3/normal.csv")), recording_name(Path("/plant/pump3.csv.gz"))
    ('pump3-normal', 'pump3')
    """
    path = path.resolve()
    stem = path.name.split(".")[0] or "recording"
    return f"{path.parent.name}-{stem}" if stem.lower() in _COMMON_NAMES and path.parent.name else stem


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort ``run10`` after ``run9``."""
    return [(int(part or 0), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", path.name)]


def _mapped(table: Table, sensors: tuple[str, ...], rows: slice) -> FloatArray | None:
    """Return the rows of an NPY file as a map of the file, if they need no processing."""
    values = table.mapped(sensors) if isinstance(table, ArrayTable) else None
    if values is None or not all(np.isfinite(block).all() for block in blocks_of(values)):
        return None
    return values[rows] if len(values[rows]) else None


def _check_goes_with(table: Table, sensors: tuple[str, ...], parts: list[FilePart]) -> None:
    if not parts:
        return
    first = parts[0].table
    missing = [name for name in sensors if name not in table.header.names]
    if missing:
        raise RecordingError(
            f"{table.name} lacks {', '.join(missing)}, which {first.name} has. Expected the same sensors in every "
            f"file of the folder. Columns there: {', '.join(table.header.names)}."
        )
    if first.period_s and table.period_s and table.period_s != first.period_s:
        raise RecordingError(
            f"{table.name} has {1 / table.period_s:g} samples per second, {first.name} has {1 / first.period_s:g}. "
            "Expected one rate. Resample the files, or train on those of one rate."
        )


def _notes(parts: list[FilePart]) -> tuple[str, ...]:
    gaps, backward, lost = (
        sum(getattr(part.counters, what) for part in parts) for what in ("gaps", "backwards", "lost")
    )
    repeated, unreadable = (sum(getattr(part.clock, what) for part in parts) for what in ("repeated", "unreadable"))
    complaints = [part.complaint for part in parts if part.complaint]
    found = (
        (gaps, f"{counted(gaps, 'gap')} in time: no window spans {'it' if gaps == 1 else 'them'}"),
        (
            backward,
            f"{counted(backward, 'step')} back in time: no window spans {'it' if backward == 1 else 'them'}",
        ),
        (repeated, f"{counted(repeated, 'row')} repeat the time of the row before: kept"),
        (unreadable, f"{counted(unreadable, 'time')} unreadable: taken for the time of the row before"),
        (lost, f"{counted(lost, 'line')} that {'is' if lost == 1 else 'are'} not a row: left out"),
    )
    periods = [part.period_s for part in parts if np.isfinite(part.period_s)]
    uneven = bool(periods) and max(periods) > 1.5 * min(periods)
    rates = f"the files' usual time steps differ, {min(periods):g} to {max(periods):g}" if uneven else ""
    return (*complaints[:1], *(text for count, text in (*found, (uneven, rates)) if count))


def _recording(source: str | Path | InMemory, parts: list[FilePart], values: FloatArray) -> Recording:
    labelled = all(part.label for part in parts)
    names = dict.fromkeys(name for part in parts for name in part.table.header.names)
    return Recording(
        name=recording_name(Path(source)) if isinstance(source, (str, Path)) else "recording",
        sensors=parts[0].sensors,
        values=values,
        labels=np.concatenate([block for part in parts for block in part.labels]) if labelled else None,
        kept_out=tuple(name for name in names if name not in parts[0].sensors),
        repaired=sum(part.counters.held + part.counters.interpolated for part in parts),
        skipped=sum(part.counters.skipped for part in parts),
        sha256=_sha256([part.table for part in parts]),
        starts=tuple(part.start for part in parts),
        breaks=tuple(row for part in parts for row in part.breaks),
        notes=_notes(parts),
        rate_hz=1.0 / parts[0].period_s if np.isfinite(parts[0].period_s) else 0.0,
        times=_times(parts, len(values)),
    )


def _times(parts: list[FilePart], rows: int) -> Times | None:
    times = parts[0].times
    is_timed = all(part.table.header.time_column not in (None, *part.sensors) for part in parts)
    return times.array()[:, 0] if is_timed and times.rows == rows else None


def _sha256(tables: list[Table]) -> str:
    digests = [one.sha256 if isinstance(one, ColumnTable) else _file_sha256(Path(one.name)) for one in tables]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()
