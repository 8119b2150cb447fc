"""Labelled windows, to measure detection before and after quantisation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.errors import RecordingError
from edge_runtime.model_file.manifest import DetectorSpec
from edge_runtime.signal.cycle import course_of, without_course, without_times
from edge_runtime.signal.windows import as_windows, sliding_windows
from edge_runtime.tables.open_table import open_table
from edge_runtime.tables.table import is_anomalous
from edge_runtime.tables.table_readings import table_readings


@dataclass(frozen=True)
class Labelled:
    """Windows of shape (n, window, sensors) and whether each is anomalous."""

    windows: FloatArray
    labels: BoolArray


def read_labelled(path: Path, spec: DetectorSpec) -> Labelled:
    """Read an .npz with ``windows`` and ``labels``, or a recording with a label column.

    A window of a recording is anomalous if its last reading is.

    Raises
    ------
    RecordingError
        If labels are missing, or all the same, or a time that the model needs is.
    """
    found = _npz(path, spec) if path.suffix == ".npz" else _recording(path, spec)
    if len(found.windows) != len(found.labels) or found.labels.all() or not found.labels.any():
        raise RecordingError(
            f"{path}: expected one label per window, some normal and some anomalous. Received: "
            f"{len(found.windows)} windows, {len(found.labels)} labels, {int(found.labels.sum())} of them anomalous."
        )
    return found


def _npz(path: Path, spec: DetectorSpec) -> Labelled:
    try:
        with np.load(path, allow_pickle=False) as archive:
            windows, labels = archive["windows"], archive["labels"]
    except (OSError, KeyError, ValueError) as error:
        raise RecordingError(f"{path}: expected an .npz with the arrays windows and labels ({error}).") from error
    preprocessing = spec.preprocessing
    flat = windows.reshape(len(windows), -1)
    return Labelled(as_windows(flat, preprocessing.window, preprocessing.sensors), labels.astype(bool))


def _recording(path: Path, spec: DetectorSpec) -> Labelled:
    window, stride = spec.preprocessing.window, spec.preprocessing.stride
    with open_table(path) as rows:
        label = rows.header.label_column
        if label is None:
            raise RecordingError(f"{path} has no label column. Columns there: {', '.join(rows.header.names)}.")
        blocks = list(table_readings(rows, spec.sensor_names, [label]))
    values: FloatArray = np.concatenate([block.readings.values for block in blocks], dtype=np.float32)
    times = np.concatenate([block.readings.times for block in blocks])
    if spec.cycles and not np.isfinite(times).all():
        raise without_times(str(path))
    values = without_course(values, times, course_of(spec))
    labels = np.array([is_anomalous(text) for block in blocks for text in block.texts[0]], bool)
    windows = np.ascontiguousarray(sliding_windows(values, window, stride))
    return Labelled(windows, labels[window - 1 :: stride][: len(windows)])
