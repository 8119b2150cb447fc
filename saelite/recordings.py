"""Recordings from Python: files, data frames, arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.errors import UsageError
from training.settings import Selection

if TYPE_CHECKING:
    from training.recordings import Recording
    from training.recordings.column_table import InMemory


def read_recording(
    source: str | Path | InMemory,
    *,
    rows: str = ":",
    sensors: str | Iterable[str] = (),
    exclude: str | Iterable[str] = (),
    label: str | None = None,
    on_missing: str = Selection.on_missing,
    only_when: str | None = None,
    name: str | None = None,
) -> Recording:
    """Read a recording: rows over time, and the meaning of its columns.

    Parameters
    ----------
    source : str, Path, data frame or array-like of shape (n, sensors)
        CSV or TSV (plain or gzip), Parquet, NPY, NPZ, WAV, or a folder of these; or a pandas or polars data frame; or
        an array, whose columns are called sensor0, sensor1 … A frame's time is a column called time, timestamp, date …,
        or its index of dates and times.
    rows : str
        Part to read: START:STOP in rows (``0:400``), per cent (``25%:75%``) or time (``0h:2h``), or START..STOP in
        dates and times.
    sensors : str or iterable of str
        Columns to use; by default all except time, label and annotations.
    exclude : str or iterable of str
        Columns that are not sensors.
    label : str, optional
        Label column: whether a row is anomalous. Used for figures only; by default one named anomaly, is_anomaly, label
        or attack.
    on_missing : str
        Readings with a missing value: ``error`` refuses them, ``skip`` leaves them out, ``hold`` repeats the sensor's
        last value, ``interpolate`` draws a line to its next one.
    only_when : str, optional
        Keep only rows that meet this condition, such as ``current > 2``; the device applies it too.
    name : str, optional
        Name of the model learnt from it; by default from file and folder.

    Returns
    -------
    Recording
        `Recording.values` is an array of shape (n, sensors), float32.

    Raises
    ------
    RecordingError
        If it cannot be read, a column is missing, a cell is not a number, or no row is left.
    MissingExtraError
        If polars is not installed and the file is Parquet.

    Examples
    --------
    >>> recording = read_recording([[1.0, 2.0], [3.0, 4.0]])
    >>> recording.sensors, recording.values.shape
    (('sensor0', 'sensor1'), (2, 2))
    """
    selection = Selection(rows, _names(sensors), _names(exclude), label, on_missing, only_when)
    recording = selection.read(source)
    return recording if name is None else replace(recording, name=checked_name(name))


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def checked_name(name: str) -> str:
    """Return a model's name without blanks around it.

    Raises
    ------
    UsageError
        If it is empty or holds control characters.
    """
    if not name.strip() or not name.isprintable():
        raise UsageError(f"--name: expected a name of printable characters. Received: {name!r}")
    return name.strip()
