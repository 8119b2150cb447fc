"""The main job on the bundled recording: train, export, score on the device side, compare, report."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.detection import Scores, fault_rows, figures, read_scores
from benchmarks.report.model import Epoch, FileSize, LatencyRow, Report, ScoreTrace
from benchmarks.result import Benchmark
from benchmarks.suite import QUICK, run_benchmark
from edge_runtime.errors import SaeliteError
from edge_runtime.model_file import ModelFile
from edge_runtime.run_folder import KERAS_FILE
from export.pipeline import ExportSettings, export_run
from training.pipeline import DetectorSettings, TrainedRun, save_run, train
from training.recordings import Columns, read_recording
from training.trainer import OnEpoch, TrainingSettings

# Ten minutes of the normal work that comes before the first fault; the rest of it is tested on as well.
NORMAL_ROWS = 2400
# The load is a one-minute average: it would keep the alarm on long after a fault is over.
COLUMNS = Columns(exclude=("load1",))
SETTINGS = DetectorSettings(window=4, head="t2x", alpha=0.05, smoothing_span=8, training=TrainingSettings(epochs=400))

# Scores as a user would from the shell, and tells whether tensorflow came along.
_SCORE = """
import sys
from saelite.cli import main
main(sys.argv[1:], standalone_mode=False)
sys.exit("tensorflow was loaded on the device side" if "tensorflow" in sys.modules else 0)
"""


@dataclass(frozen=True)
class Files:
    """Where the loop leaves what it makes."""

    folder: Path

    @property
    def recording(self) -> Path:
        """The bundled recording."""
        return self.folder / "host.csv"

    @property
    def run(self) -> Path:
        """Run folder."""
        return self.folder / "run"

    @property
    def model(self) -> Path:
        """Model file."""
        return self.folder / "host.tflite"

    @property
    def scores(self) -> Path:
        """Scores of the whole recording."""
        return self.folder / "scores.csv"

    @property
    def report(self) -> Path:
        """HTML report."""
        return self.folder / "report.html"


def learn(files: Files, on_epoch: OnEpoch) -> TrainedRun:
    """Train on the normal part of the recording and save the run."""
    normal = read_recording(files.recording, COLUMNS, rows=slice(0, NORMAL_ROWS))
    run = train(normal, SETTINGS, on_epoch)
    save_run(run, files.run, overwrite=True)
    return run


def ship(run: TrainedRun, files: Files, on_step: Callable[[str], None]) -> tuple[ModelFile, ModelFile]:
    """Export to int8, and to float32 for the comparison of sizes; return both."""
    int8 = export_run(run.folder, ExportSettings("int8"), on_step)
    int8.write(files.model)
    return int8, export_run(run.folder, ExportSettings("float32"), on_step)


def score_on_the_device_side(files: Files) -> Scores:
    """Score the recording with ``saelite score`` in a process of its own, without tensorflow."""
    command = [sys.executable, "-c", _SCORE, "score", str(files.model), str(files.recording), "-o", str(files.scores),
               "--explain"]  # fmt: skip
    process = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    if process.returncode:
        raise SaeliteError(f"scoring failed: {process.stderr.strip()}")
    return read_scores(files.scores, files.recording)


def compare(files: Files, on_step: Callable[[str], None]) -> Benchmark:
    """Time the device's detector beside the full Keras model."""
    return run_benchmark(files.model, files.run, replace(QUICK, variants=False), on_step)


def report(
    run: TrainedRun, models: tuple[ModelFile, ModelFile], scores: Scores, benchmark: Benchmark, files: Files
) -> Report:
    """Gather what the report shows; the figures are those of the part after the training rows."""
    int8, float32 = models
    held_out = round(NORMAL_ROWS * (1 - SETTINGS.validation_fraction))
    tested = scores.part(NORMAL_ROWS)
    return Report(
        title="saelite demo",
        recording="host: a machine watching itself",
        figures=figures(tested),
        trace=ScoreTrace(tested.seconds, tested.scores, int8.manifest.threshold.value, tested.labels, tested.faults),
        faults=fault_rows(tested),
        history=tuple(
            Epoch(epoch.epoch, epoch.loss, epoch.validation_loss, epoch.penalty, epoch.mean_activation)
            for epoch in run.history
        ),
        normal_scores=scores.part(held_out, NORMAL_ROWS).scores,
        latency=_latency(benchmark),
        sizes=(
            FileSize("int8 model file, scoring included", len(int8.to_bytes())),
            FileSize("float32 model file, scoring included", len(float32.to_bytes())),
            FileSize("full Keras model, network alone", (files.run / KERAS_FILE).stat().st_size),
        ),
        facts=_facts(int8),
        rho=SETTINGS.rho,
        benchmark=benchmark,
    )


def _latency(benchmark: Benchmark) -> tuple[LatencyRow, ...]:
    """Return the device's detector, then the full model's forms."""
    detector, *others = benchmark.latency
    full = [row for row in others if row.contender.kind not in ("detector", "graph", "yardstick")]
    return tuple(
        LatencyRow(row.contender.title, row.p50_us, row.p99_us, row.contender.covers) for row in (detector, *full)
    )


def _facts(model: ModelFile) -> tuple[tuple[str, str], ...]:
    manifest = model.manifest
    spec, parity = manifest.spec, manifest.parity
    facts = [
        ("sensors", str(len(spec.sensors))),
        ("window", f"{spec.preprocessing.window} readings"),
        ("codes", f"{len(manifest.mean_activation)}, mean activation {np.mean(manifest.mean_activation):.3f}"),
        ("head", spec.scoring.head),
        ("smoothing", f"moving average over {spec.scoring.smoothing_span} windows"),
        ("threshold", f"{manifest.threshold.value:.4g}: {manifest.threshold.method}"),
        ("runtimes it ran in", ", ".join(f"{check.runtime} {check.version}" for check in manifest.runtimes)),
    ]
    if parity:
        agreement = f"score correlation {parity.score_correlation:.4f}, alarms agree on {parity.alarm_agreement:.2%}"
        facts.append(("int8 against full model", agreement))
    return tuple(facts)
