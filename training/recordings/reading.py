"""A file, or a folder of files, into one recording, in bounded memory."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import RecordingError
from edge_runtime.missing import repair_missing
from edge_runtime.only_when import Condition, condition_of, runs
from edge_runtime.preprocessing import FloatArray
from edge_runtime.sources.array_table import ArrayTable
from edge_runtime.sources.clock import Clock
from edge_runtime.sources.open_table import open_table
from edge_runtime.sources.table import Block, Table, is_anomalous
from training.recordings.fast_csv import FastCsvUnfitError, fast_blocks
from training.recordings.recording import Columns, Recording, choose_sensors
from training.recordings.store import RowStore, blocks_of

SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".gz", ".parquet", ".npy", ".npz", ".wav"})
# A recording with more steps back than this is not in order of time at all.
_MAX_BACKWARD_SHARE = 0.01


def read_recording(
    path: Path,
    columns: Columns | None = None,
    *,
    rows: slice = slice(None),
    on_missing: str = "error",
    only_when: str = "",
) -> Recording:
    """Read CSV or TSV (plain or gzip), Parquet, NPY, NPZ, WAV, or a folder of these.

    Of a folder all files are read in the order of their names; the first one's sensors must be in each. Rows
    beyond 128 MB are kept on disk (`training.recordings.store`).

    Parameters
    ----------
    rows : slice
        Which rows of each file to keep, counted from its first reading.
    on_missing : str
        See `edge_runtime.missing.repair_missing`.
    only_when : str
        Keep only these rows, see `edge_runtime.only_when`; no window reaches over those left out.

    Raises
    ------
    RecordingError
        If a file cannot be read, a column is missing, a cell is no number, no row is left, time is in
        disorder, or the files' sampling rates differ.
    """
    columns = columns or Columns()
    files = recording_files(Path(path))
    parts: list[_Part] = []
    for file in files:
        with open_table(file) as table:
            sensors = parts[0].sensors if parts else choose_sensors(table.header, columns, table.name)
            _check_goes_with(table, sensors, parts)
            store = parts[0].store if parts else RowStore(len(sensors))
            condition = condition_of(only_when, sensors)
            mapped = _mapped(table, sensors, rows) if len(files) == 1 and condition is None else None
            part = _Part(table, sensors, columns.label or table.header.label_column, store, store.rows, condition)
            if mapped is None:
                _read(part, rows, on_missing)
            parts.append(part)
    recording = _recording(Path(path), files, parts, parts[0].store.array() if mapped is None else mapped)
    return replace(recording, only_when=only_when.strip(), off=sum(part.off for part in parts))


def recording_files(path: Path) -> list[Path]:
    """Return the files of a recording: itself, or what a folder holds, in the order of their names.

    Raises
    ------
    RecordingError
        If a folder holds no recording, or the recording is standard input.
    """
    if str(path) == "-":
        raise RecordingError(
            "training reads its recording more than once, which standard input does not allow. "
            "Expected a file or a folder. Save the rows into a file first."
        )
    if not path.is_dir():
        return [path]
    files = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file()]
    files = [file for file in files if not file.name.startswith(".")]
    if not files:
        raise RecordingError(f"{path} holds no recording. Expected files ending in {', '.join(sorted(SUFFIXES))}.")
    return sorted(files, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort ``run10`` after ``run9``."""
    return [(int(part or 0), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", path.name)]


@dataclass
class _Part:
    """One file on its way into the store."""

    table: Table
    sensors: tuple[str, ...]
    label: str | None
    store: RowStore
    start: int
    condition: Condition | None = None
    labels: list[npt.NDArray[np.bool_]] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    repaired: int = 0
    clock: Clock = field(default_factory=Clock)
    last: FloatArray | None = None
    off: int = 0
    is_after_hole: bool = False

    @property
    def period_s(self) -> float:
        """Seconds between two rows, as the file says; NaN where it does not."""
        return self.table.period_s or self.clock.step_s


def _read(part: _Part, rows: slice, on_missing: str) -> None:
    """Add a file's rows to the store, and what its other columns say to the part."""
    try:
        _add_blocks(part, fast_blocks(part.table, part.sensors, _texts(part)), rows, on_missing)
    except FastCsvUnfitError:
        part.store.cut(part.start)
        part.labels, part.breaks, part.repaired, part.clock, part.last = [], [], 0, Clock(), None
        part.off, part.is_after_hole = 0, False
        _add_blocks(part, part.table.blocks(part.sensors, _texts(part)), rows, on_missing)
    if part.store.rows == part.start:
        raise _nothing_read(part, rows)
    _check_order(part)


def _texts(part: _Part) -> list[str]:
    return [name for name in (part.table.header.time_column, part.label) if name]


def _add_blocks(part: _Part, blocks: Iterator[Block], rows: slice, on_missing: str) -> None:
    first = 0
    for block in blocks:
        numbers = np.arange(first, first + len(block.values))
        chosen = (numbers >= (rows.start or 0)) & (numbers < (numbers[-1] + 1 if rows.stop is None else rows.stop))
        first += len(block.values)
        if chosen.any():
            _add_working(part, block, numbers, chosen, on_missing)
        if rows.stop is not None and first >= rows.stop:
            return


def _add_working(
    part: _Part, block: Block, numbers: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_], on_missing: str
) -> None:
    """Add the rows in which the machine works, and remember that no window reaches over the others."""
    if part.condition is None:
        _add(part, block, numbers, chosen, on_missing)
        return
    positions = np.flatnonzero(chosen)
    for rows, is_on in runs(part.condition.is_on(block.values[positions])):
        if is_on:
            if part.is_after_hole and part.store.rows > part.start:
                part.breaks.append(part.store.rows)
            part.is_after_hole = False
            _add(part, block, numbers, np.isin(np.arange(len(chosen)), positions[rows]), on_missing)
        else:
            part.is_after_hole, part.off = True, part.off + len(positions[rows])
            if part.table.header.time_column:
                part.clock.breaks([block.texts[0][position] for position in positions[rows]])


def _add(
    part: _Part, block: Block, numbers: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_], on_missing: str
) -> None:
    with np.errstate(over="ignore"):
        # What float32 cannot hold becomes infinite, and so a missing value.
        values = block.values.astype(np.float32)
    if on_missing == "skip":
        kept = chosen & np.isfinite(values).all(axis=1)
        part.repaired += int(chosen.sum() - kept.sum())
        chosen = kept
    positions = np.flatnonzero(chosen)
    if not len(positions):
        return
    repaired, count = repair_missing(
        values[positions], on_missing, part.sensors, first_row=int(numbers[positions[0]]), last=part.last
    )
    texts = [column if chosen.all() else [column[position] for position in positions] for column in block.texts]
    if part.table.header.time_column:
        part.breaks += (part.store.rows + part.clock.breaks(texts[0])).tolist()
    if part.label:
        part.labels.append(np.array([is_anomalous(text) for text in texts[-1]], bool))
    part.repaired += count
    part.last = repaired[-1]
    part.store.append(repaired)


def _mapped(table: Table, sensors: tuple[str, ...], rows: slice) -> FloatArray | None:
    """Return the rows of an NPY file as they lie on disk, where nothing has to be done to them."""
    values = table.mapped(sensors) if isinstance(table, ArrayTable) else None
    if values is None or not all(np.isfinite(block).all() for block in blocks_of(values)):
        return None
    return values[rows] if len(values[rows]) else None


def _check_goes_with(table: Table, sensors: tuple[str, ...], parts: list[_Part]) -> None:
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


def _check_order(part: _Part) -> None:
    backward, rows = part.clock.backward, part.clock.rows
    if backward > max(1.0, _MAX_BACKWARD_SHARE * rows):
        raise RecordingError(
            f"{part.table.name} is not in order of time: {part.table.header.time_column} goes back at {backward} of "
            f"{rows} rows. Expected rows from the oldest to the newest. Sort the file by time."
        )


def _notes(parts: list[_Part]) -> tuple[str, ...]:
    clocks = [part.clock for part in parts]
    gaps, backward, repeated, unreadable = (
        sum(getattr(clock, what) for clock in clocks) for what in ("gaps", "backward", "repeated", "unreadable")
    )
    found = (
        (gaps, f"time is missing before {gaps} row(s): no window reaches over them"),
        (backward, f"time goes back before {backward} row(s): no window reaches over them"),
        (repeated, f"{repeated} row(s) have the time of the row before: kept"),
        (unreadable, f"{unreadable} time(s) cannot be read: gaps were not looked for there"),
    )
    periods = [part.period_s for part in parts if np.isfinite(part.period_s)]
    uneven = bool(periods) and max(periods) > 1.5 * min(periods)
    rates = f"the files' usual time steps differ, {min(periods):g} to {max(periods):g}" if uneven else ""
    return tuple(text for count, text in (*found, (uneven, rates)) if count)


def _recording(path: Path, files: list[Path], parts: list[_Part], values: FloatArray) -> Recording:
    labelled = all(part.label for part in parts)
    names = dict.fromkeys(name for part in parts for name in part.table.header.names)
    return Recording(
        name=path.resolve().name.split(".")[0] or "recording",
        sensors=parts[0].sensors,
        values=values,
        labels=np.concatenate([block for part in parts for block in part.labels]) if labelled else None,
        kept_out=tuple(name for name in names if name not in parts[0].sensors),
        repaired=sum(part.repaired for part in parts),
        sha256=_sha256(files),
        starts=tuple(part.start for part in parts),
        breaks=tuple(row for part in parts for row in part.breaks),
        notes=_notes(parts),
        rate_hz=1.0 / parts[0].period_s if np.isfinite(parts[0].period_s) else 0.0,
    )


def _sha256(files: list[Path]) -> str:
    digests = [_file_sha256(file) for file in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def _nothing_read(part: _Part, rows: slice) -> RecordingError:
    where = "" if rows == slice(None) else f" in rows {_slice_text(rows)}"
    if part.off:
        return RecordingError(
            f"{part.table.name} has no readings{where} with {part.condition and part.condition.text}: all {part.off} are "
            "outside. Expected at least one inside --only-when."
        )
    return RecordingError(f"{part.table.name} has no readings{where}. Expected at least one data line.")


def _slice_text(rows: slice) -> str:
    return f"{'' if rows.start is None else rows.start}:{'' if rows.stop is None else rows.stop}"
