"""What training learns from: rows over time, and which columns they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.errors import RecordingError
from edge_runtime.signal.only_when import parse_condition
from edge_runtime.tables.table import Header
from training.recordings.store import select_columns


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
    """Rows over time, of one file or of several one after the other.

    Parameters
    ----------
    name : str
        Name of file or folder without endings.
    sensors : tuple of str
    values : ndarray of shape (n, sensors), float32
        In memory, or mapped from disk when there are many.
    labels : ndarray of shape (n,), bool, or None
        True where a row is anomalous.
    kept_out : tuple of str
        Columns that were there and are no sensors.
    repaired, skipped : int
        Rows in which a missing value was repaired, rows left out for one.
    sha256 : str
        Of the file's bytes; of several files, of their digests.
    starts : tuple of int
        First row of each file, in order.
    breaks : tuple of int
        Other rows that no window may reach over: before them time is missing or goes back.
    notes : tuple of str
        What was found odd about the rows, for people.
    rate_hz : float
        Rows per second, as the file says or its time column in seconds; 0 where unknown.
    only_when : str
        Which rows were kept, see `edge_runtime.signal.only_when`; empty for all.
    off : int
        Rows left out by it.
    """

    name: str
    sensors: tuple[str, ...]
    values: FloatArray
    labels: BoolArray | None = None
    kept_out: tuple[str, ...] = ()
    repaired: int = 0
    sha256: str = ""
    starts: tuple[int, ...] = (0,)
    breaks: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    rate_hz: float = 0.0
    only_when: str = ""
    off: int = 0
    skipped: int = 0

    def without(self, sensors: Sequence[str]) -> Recording:
        """Return the recording with some sensors left out.

        Raises
        ------
        RecordingError
            If none is left, or one of them decides which rows count.
        """
        if not sensors:
            return self
        needed = [one.sensor for one in parse_condition(self.only_when) if one.sensor in sensors]
        if needed:
            raise RecordingError(
                f"--only-when {self.only_when!r} needs {', '.join(needed)}, which would be left out of the model: it "
                "never moves while the machine works, or repeats another sensor. Expected a sensor that stays, as the "
                "device decides by it too."
            )
        kept = [number for number, name in enumerate(self.sensors) if name not in sensors]
        if not kept:
            raise RecordingError(f"{self.name} has no sensor left without {', '.join(sensors)}.")
        return replace(
            self,
            sensors=tuple(self.sensors[number] for number in kept),
            values=select_columns(self.values, kept),
            kept_out=(*self.kept_out, *sensors),
        )


def choose_sensors(header: Header, columns: Columns, name: str) -> tuple[str, ...]:
    """Return the sensor columns.

    Raises
    ------
    RecordingError
        If a named column is not there, or none is left.
    """
    named = {*columns.sensors, *columns.exclude, *([columns.label] if columns.label else [])}
    unknown = sorted(named - set(header.names))
    if unknown:
        raise RecordingError(f"{name} has no column {', '.join(unknown)}. Columns there: {', '.join(header.names)}.")
    left_out = {*columns.exclude, columns.label}
    sensors = columns.sensors or tuple(column for column in header.candidates if column not in left_out)
    if not sensors:
        raise RecordingError(f"{name} has no sensor column left. Columns there: {', '.join(header.names)}.")
    if len(set(sensors)) < len(sensors):
        raise RecordingError(f"--sensors names a column twice. Received: {', '.join(sensors)}.")
    return tuple(sensors)
