"""From rows to a model file as a user gets it: train, export, open, score as a stream."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_runtime.detector import Detector
from edge_runtime.preprocessing import FloatArray, sliding_windows
from edge_runtime.stream_scoring import AdaptationSettings, Scorer
from export.pipeline import ExportSettings, export_run
from training.pipeline import DetectorSettings, train
from training.recordings import Recording

SCHEMES = ("int8", "float32")


@dataclass(frozen=True)
class Recipe:
    """How every file of a collection is learnt and scored.

    Parameters
    ----------
    settings : DetectorSettings
    mean_rate : float
        See `edge_runtime.adaptation.mean_tracking.MeanTracker`; 0 does not track.
    """

    settings: DetectorSettings
    mean_rate: float = 0.0

    def with_head(self, head: str) -> Recipe:
        """Return the same recipe with another head."""
        return replace(self, settings=replace(self.settings, head=head))

    def with_seed(self, seed: int) -> Recipe:
        """Return the same recipe with another seed of weights and order."""
        training = replace(self.settings.training, seed=seed)
        return replace(self, settings=replace(self.settings, training=training))


def detectors(recording: Recording, recipe: Recipe) -> dict[str, Detector]:
    """Train once, export by every scheme of `SCHEMES`, and open the files."""
    run = train(recording, recipe.settings)
    opened = {}
    with tempfile.TemporaryDirectory() as folder:
        for scheme in SCHEMES:
            path = Path(folder) / f"{scheme}.tflite"
            export_run(run.folder, ExportSettings(scheme)).write(path)
            opened[scheme] = Detector.load(path)
    return opened


def relative_scores(detector: Detector, rows: FloatArray, mean_rate: float) -> FloatArray:
    """Return smoothed scores over the threshold, one per row from the first full window on.

    The device's own stream scores each row from itself and the rows before it: the mean follows quiet rows,
    and what it learnt of a row counts from the next one on.

    Returns
    -------
    ndarray of shape (n - window + 1,), float32
        Above 1 is an alarm.
    """
    windows = np.ascontiguousarray(sliding_windows(rows, detector.manifest.spec.preprocessing.window))
    scorer = Scorer(detector, AdaptationSettings(mean_rate=mean_rate), worth_explaining=np.inf)
    scored = scorer.score(windows)
    return scored.scores / scored.thresholds


def part_of(recording: Recording, stop: int, start: int = 0) -> Recording:
    """Return the rows from start to stop as a recording of their own."""
    labels = None if recording.labels is None else recording.labels[start:stop]
    values = np.ascontiguousarray(recording.values[start:stop])
    name = recording.name if not start else f"{recording.name} from row {start}"
    return Recording(name, recording.sensors, values, labels, sha256=recording.sha256)
