"""What quantisation costs: int8 against float32 on the bundled recording and on public data sets.

Each set is learnt once; the run is exported in both schemes and scored in LiteRT. Protocols are those of the data's
own page: SKAB's files are each learnt from their first 400 rows and pooled, their scores in units of their threshold;
ADBench's sets are learnt from half of the normal rows and tested on the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.accuracy.adbench import read_split
from benchmarks.bundled import bundled_recording
from benchmarks.whole_loop import NORMAL_ROWS
from edge_runtime.detector import Detector
from edge_runtime.interpreter import find_runtime
from edge_runtime.parity import roc_auc
from edge_runtime.preprocessing import FloatArray, sliding_windows
from export.pipeline import ExportSettings, export_run
from training.pipeline import DetectorSettings, train
from training.recordings import Columns, Recording, read_recording

SCHEMES = ("float32", "int8")
_SKAB_NORMAL_ROWS = 400


@dataclass(frozen=True)
class Task:
    """One thing to learn: normal rows first, then rows to test on, with labels of shape (n,)."""

    normal: Recording
    rows: FloatArray
    labels: npt.NDArray[np.bool_]
    settings: DetectorSettings


@dataclass(frozen=True)
class Loss:
    """ROC-AUC of both files on one set, and the share of windows where their alarms agree."""

    name: str
    n_windows: int
    auc_float32: float
    auc_int8: float
    alarm_agreement: float

    @property
    def loss(self) -> float:
        """How much ROC-AUC falls."""
        return self.auc_float32 - self.auc_int8


def measure(data: Path | None, epochs: int, on_step: Callable[[str], None] = lambda _: None) -> Iterator[Loss]:
    """Yield the loss on each set: the bundled recording, and what lies in `data` (``skab/valve1``, ``adbench``)."""
    on_step("host")
    yield _loss("host", [_host(epochs)])
    if data is None:
        return
    on_step("skab/valve1")
    yield _loss("skab/valve1", [_skab(path, epochs) for path in sorted((data / "skab" / "valve1").glob("*.csv"))])
    for path in sorted((data / "adbench").glob("*.npz")):
        on_step(path.stem)
        yield _loss(path.stem, [_adbench(path, epochs)])


def _loss(name: str, tasks: list[Task]) -> Loss:
    found = [_scored(task) for task in tasks]
    labels = np.concatenate([one for one, _ in found])
    float32, int8 = (np.concatenate([scores[scheme] for _, scores in found]) for scheme in SCHEMES)
    agreement = float(((float32 > 1) == (int8 > 1)).mean())
    return Loss(name, len(labels), roc_auc(float32, labels), roc_auc(int8, labels), agreement)


def _scored(task: Task) -> tuple[npt.NDArray[np.bool_], dict[str, FloatArray]]:
    """Return labels and, by scheme, smoothed scores in units of the threshold."""
    run = train(task.normal, task.settings).folder
    chosen = [task.normal.sensors.index(name) for name in run.spec.sensor_names]
    window, stride = run.spec.preprocessing.window, run.spec.preprocessing.stride
    windows = np.ascontiguousarray(sliding_windows(task.rows[:, chosen], window, stride))
    scores = {}
    for scheme in SCHEMES:
        model = export_run(run, ExportSettings(scheme))
        detector = Detector(model, find_runtime("litert"))
        scores[scheme] = detector.smooth(detector.score_many(windows)) / np.float32(detector.threshold)
    return task.labels[window - 1 :: stride][: len(windows)], scores


def _host(epochs: int) -> Task:
    with bundled_recording() as path:
        whole = read_recording(path, Columns())
    return _after(whole, NORMAL_ROWS, _with(DetectorSettings(), epochs))


def _skab(path: Path, epochs: int) -> Task:
    return _after(read_recording(path, Columns()), _SKAB_NORMAL_ROWS, _with(DetectorSettings(), epochs))


def _after(whole: Recording, normal_rows: int, settings: DetectorSettings) -> Task:
    labels = whole.labels if whole.labels is not None else np.zeros(len(whole.values), bool)
    normal = Recording(whole.name, whole.sensors, whole.values[:normal_rows])
    return Task(normal, whole.values[normal_rows:], labels[normal_rows:], settings)


def _adbench(path: Path, epochs: int) -> Task:
    split = read_split(path)
    # Rows without an order have no neighbours to be averaged with.
    return Task(split.normal, split.rows, split.labels, _with(DetectorSettings(smoothing_span=1), epochs))


def _with(settings: DetectorSettings, epochs: int) -> DetectorSettings:
    # Some public sets hold columns that never move.
    policy = replace(settings.sensor_policy, constant="drop")
    return replace(settings, sensor_policy=policy, training=replace(settings.training, epochs=epochs))
