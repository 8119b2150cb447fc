"""From rows to a model file, the way a user gets it: train, export, open, score as a stream.

Every protocol gets its detectors here, made with the product's defaults and nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.inference.detector import Detector
from edge_runtime.signal.cycle import without_course
from edge_runtime.signal.windows import WindowBuffer
from edge_runtime.streaming.judging import AdaptationSettings, Judge
from edge_runtime.streaming.scores_windows import ScoresWindows
from edge_runtime.streaming.wanted import Wanted
from export.export_run import ExportSettings, export_run
from training.pipeline import train
from training.recordings import Recording
from training.settings import DetectorSettings
from training.trained_run import TrainedRun

SCHEMES = {"saelite": None, "saelite float32": "float32"}
"""Name of a file to the scheme it is exported by: what `saelite export` chooses by itself, and float32 beside it."""
DEFAULTS = DetectorSettings()
"""What `saelite train` does without options: the one recipe of every collection."""


def with_seed(seed: int, settings: DetectorSettings = DEFAULTS) -> DetectorSettings:
    """Return the settings with another seed for weights and batch order."""
    return replace(settings, seed=seed)


def untrained(settings: DetectorSettings) -> DetectorSettings:
    """Return the settings for the same detector with an untrained network."""
    return replace(settings, epochs=0)


def detectors(
    normal: Recording, settings: DetectorSettings, names: Iterable[str] = tuple(SCHEMES)
) -> dict[str, Detector]:
    """Train once on normal rows, export as each of `names` in `SCHEMES` says, and open the files.

    Raises
    ------
    SaeliteError
        If training or export refuses the recording.
    """
    return opened(train(normal, settings), names)


def opened(run: TrainedRun, names: Iterable[str] = tuple(SCHEMES)) -> dict[str, Detector]:
    """Export what was trained and open the files."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(names):
            path = Path(folder) / f"{number}.tflite"
            export_run(run.folder, ExportSettings(SCHEMES[name])).write(path)
            found[name] = Detector.load(path)
    return found


def promised_far(detector: Detector) -> float:
    """Return the share of normal windows above the threshold that the file promises."""
    return detector.manifest.threshold.target_far


def relative_scores(detector: ScoresWindows, recording: Recording) -> FloatArray:
    """Return smoothed scores over the threshold, one per row; NaN where no window ends.

    As `saelite score` does: each row is scored from itself and earlier rows, no window spans a gap, and adaptation
    to a row takes effect from the next one on.

    Returns
    -------
    ndarray of shape (n,), float32
        Above 1 is an alarm.
    """
    spec = detector.spec
    judge = Judge(detector, AdaptationSettings(), Wanted())
    chosen = [recording.sensors.index(name) for name in spec.sensor_names]
    relative, values = np.full(len(recording.values), np.nan, np.float32), recording.values[:, chosen]
    values = values if recording.times is None else without_course(values, recording.times, judge.course)
    for start, rows in zip((0, *recording.breaks), np.split(values, recording.breaks), strict=True):
        buffer = WindowBuffer(spec.preprocessing.window, spec.preprocessing.stride, len(chosen))
        scored = judge.look_at(*buffer.push_many(np.ascontiguousarray(rows)))
        relative[start + scored.ends] = scored.scores / judge.threshold
    return relative


def part_of(recording: Recording, stop: int, start: int = 0) -> Recording:
    """Return the rows from start to stop as a recording."""
    return replace(
        recording,
        name=recording.name if not start else f"{recording.name} from row {start}",
        values=np.ascontiguousarray(recording.values[start:stop]),
        labels=None if recording.labels is None else recording.labels[start:stop],
        times=None if recording.times is None else recording.times[start:stop],
        breaks=tuple(row - start for row in recording.breaks if start < row < stop),
    )
