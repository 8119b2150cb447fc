"""What training learns from: rows over time and the meaning of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, Times
from edge_runtime.errors import RecordingError
from edge_runtime.model_file.manifest import DetectorSpec
from edge_runtime.signal.cycle import Course, Cycle, without_times
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
        Columns that are not sensors.
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
        Columns of the file that are not sensors.
    repaired, skipped : int
        Rows in which a missing value was repaired, rows left out for one.
    sha256 : str
        Of the file's bytes; of several files, of their digests.
    starts : tuple of int
        First row of each file, in order.
    breaks : tuple of int
        Other rows that no window may span: before them there is a gap, or time goes backwards.
    notes : tuple of str
        Remarks about irregularities of the rows.
    rate_hz : float
        Rows per second, as the file says or its time column in seconds; 0 where unknown.
    only_when : str
        Which rows were kept, see `edge_runtime.signal.only_when`; empty for all.
    off : int
        Rows left out by the condition.
    times : ndarray of shape (n,), float64, or None
        When each row was made, seconds since the epoch; None where a file does not say.
    cycles : tuple of Cycle
        The usual course that `values` are without, see `training.recordings.cycles`.
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
    times: Times | None = None
    cycles: tuple[Cycle, ...] = ()

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
                "never changes while the machine works, or repeats another sensor. Expected a sensor that the model "
                "keeps, because the device needs it too."
            )
        kept = [number for number, name in enumerate(self.sensors) if name not in sensors]
        if not kept:
            raise RecordingError(f"{self.name} has no sensor left without {', '.join(sensors)}.")
        return replace(
            self,
            sensors=tuple(self.sensors[number] for number in kept),
            values=select_columns(self.values, kept),
            kept_out=(*self.kept_out, *sensors),
            cycles=tuple(cycle for cycle in (one.of(kept) for one in self.cycles) if cycle.is_moving),
        )

    def windows(self, spec: DetectorSpec) -> FloatArray:
        """Return the windows that a detector takes, shape (n, window, sensors); none reaches over a gap.

        They are without the usual course of the day that the detector takes away.

        Parameters
        ----------
        spec : DetectorSpec
            The detector's, ``detector.spec``: says window, stride and the order of the sensors.

        Raises
        ------
        RecordingError
            If a sensor is not there, there are fewer than two windows, or a time that the detector needs is missing.
        """
        from training.recordings.stretches import split

        missing = [name for name in spec.sensor_names if name not in self.sensors]
        if missing:
            raise RecordingError(f"{self.name} lacks {', '.join(missing)}. Sensors there: {', '.join(self.sensors)}.")
        chosen = [self.sensors.index(name) for name in spec.sensor_names]
        rows = replace(self, values=self.values[:, chosen] - self._course(spec)) if spec.cycles else self
        stretches, _ = split(rows, spec.preprocessing.window, spec.preprocessing.stride, 0.0)
        windows = stretches.take(np.arange(len(stretches)))
        return windows if spec.cycles else np.ascontiguousarray(windows[:, :, chosen])

    def _course(self, spec: DetectorSpec) -> FloatArray:
        if self.times is None:
            raise without_times(self.name)
        return Course(spec.cycles).at(self.times)


def choose_sensors(header: Header, columns: Columns, name: str) -> tuple[str, ...]:
    """Return the sensor columns.

    Raises
    ------
    RecordingError
        If a named column does not exist, or none is left.
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
