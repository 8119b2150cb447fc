"""Recordings: files of readings as arrays, with what the columns mean."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import RecordingError
from edge_runtime.missing import repair_missing
from edge_runtime.preprocessing import FloatArray
from edge_runtime.sources.csv_format import is_anomalous
from edge_runtime.sources.csv_rows import CsvRows


@dataclass(frozen=True)
class Columns:
    """Which columns to use.

    Parameters
    ----------
    sensors : tuple of str
        The sensors, in order; empty takes all columns that are not time, label, annotation or excluded.
    exclude : tuple of str
        Columns that are no sensors.
    label : str, optional
        Column that says whether a row is anomalous; never trained on. Default: one called ``anomaly``,
        ``label`` …
    """

    sensors: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    label: str | None = None


@dataclass(frozen=True)
class Recording:
    """Rows over time.

    Parameters
    ----------
    name : str
        File name without its endings.
    sensors : tuple of str
    values : ndarray of shape (n, sensors), float32
    labels : ndarray of shape (n,), bool, or None
        True where a row is anomalous.
    kept_out : tuple of str
        Columns that were there and are no sensors.
    repaired : int
        Rows skipped or held for a missing value.
    sha256 : str
        Of the file's bytes.
    """

    name: str
    sensors: tuple[str, ...]
    values: FloatArray
    labels: npt.NDArray[np.bool_] | None
    kept_out: tuple[str, ...]
    repaired: int
    sha256: str

    def without(self, sensors: Sequence[str]) -> Recording:
        """Return the recording with some sensors left out.

        Raises
        ------
        RecordingError
            If none is left.
        """
        kept = [number for number, name in enumerate(self.sensors) if name not in sensors]
        if not kept:
            raise RecordingError(f"{self.name} has no sensor left without {', '.join(sensors)}.")
        return replace(
            self,
            sensors=tuple(self.sensors[number] for number in kept),
            values=self.values[:, kept],
            kept_out=(*self.kept_out, *sensors),
        )


def read_recording(
    path: Path, columns: Columns = Columns(), *, rows: slice = slice(None), on_missing: str = "error"
) -> Recording:
    """Read a CSV recording, plain or gzip.

    Parameters
    ----------
    rows : slice
        Which rows to keep, counted from the first reading.
    on_missing : str
        See `edge_runtime.missing.repair_missing`.

    Raises
    ------
    RecordingError
        If the file cannot be read, a column is missing, a cell is no number, or no row is left.
    """
    with CsvRows(path) as table:
        form = table.format
        sensors = choose_sensors(form.candidates, form.header, columns, table.name)
        label = columns.label or form.label_column
        blocks = list(table.blocks(sensors, [label] if label else []))
    values = np.concatenate([block.values for block in blocks]) if blocks else np.empty((0, len(sensors)))
    labels = np.array([is_anomalous(text[0]) for block in blocks for text in block.texts], bool) if label else None
    values, labels = values[rows], None if labels is None else labels[rows]
    if not len(values):
        raise RecordingError(f"{path} has no readings in rows {_slice_text(rows)}. Expected at least one data line.")
    kept = np.isfinite(values).all(axis=1) if on_missing == "skip" else np.ones(len(values), bool)
    values, repaired = repair_missing(values, on_missing, sensors, first_row=rows.start or 0)
    return Recording(
        name=path.name.split(".")[0],
        sensors=sensors,
        values=values.astype(np.float32),
        labels=None if labels is None else labels[kept],
        kept_out=tuple(name for name in form.header if name not in sensors),
        repaired=repaired,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def choose_sensors(candidates: Sequence[str], header: Sequence[str], columns: Columns, name: str) -> tuple[str, ...]:
    """Return the sensor columns.

    Raises
    ------
    RecordingError
        If a named column is not there, or none is left.
    """
    named = {*columns.sensors, *columns.exclude, *([columns.label] if columns.label else [])}
    unknown = sorted(named - set(header))
    if unknown:
        raise RecordingError(f"{name} has no column {', '.join(unknown)}. Columns there: {', '.join(header)}.")
    left_out = {*columns.exclude, columns.label}
    sensors = columns.sensors or tuple(column for column in candidates if column not in left_out)
    if not sensors:
        raise RecordingError(f"{name} has no sensor column left. Columns there: {', '.join(header)}.")
    return tuple(sensors)


def _slice_text(rows: slice) -> str:
    return f"{'' if rows.start is None else rows.start}:{'' if rows.stop is None else rows.stop}"
