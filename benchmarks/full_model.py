"""What a run folder adds to a report: how the model was trained, how fast its file is, and how large."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.benchmark_result import Benchmark
from benchmarks.report.report_model import FileSize, LatencyRow, Report
from benchmarks.rounds import OnStep
from benchmarks.suite import QUICK, run_benchmark
from benchmarks.training_report import history
from export.export_run import ExportSettings, export_run
from training.run_folder import KERAS_FILE, RunFolder, read_run_folder

_KERAS = ("predict", "call", "function", "xla")
_FLOAT32 = "full_float32"
_WHOLE, _NETWORK = "scaling, network and score", "network alone"


def with_full_model(report: Report, model: Path, run: Path, on_step: OnStep = lambda _: None) -> Report:
    """Return the report with the model's training, and its file beside the full model in float32 and in Keras.

    Raises
    ------
    SaeliteError
        If the run folder cannot be read, or no runtime can open the model file.
    """
    folder = read_run_folder(run)
    benchmark = run_benchmark(model, run, QUICK, on_step)
    on_step("writing the float32 file")
    return replace(
        report,
        history=history(run / "history.csv"),
        rho=float(folder.training["settings"]["rho"]),
        latency=latency_rows(benchmark),
        sizes=_sizes(model, run, folder, benchmark),
        benchmark=benchmark,
    )


def latency_rows(benchmark: Benchmark) -> tuple[LatencyRow, ...]:
    """Return the device's detector, then every way to compute the full model: float32 TFLite, and Keras."""
    detector, *others = benchmark.latency
    full = [row for row in others if row.contender.kind in _KERAS or row.contender.key.startswith(_FLOAT32)]
    return tuple(
        LatencyRow(row.contender.title, row.p50_us, row.p99_us, row.contender.covers) for row in (detector, *full)
    )


def _sizes(model: Path, run: Path, folder: RunFolder, benchmark: Benchmark) -> tuple[FileSize, ...]:
    detector = benchmark.latency[0].contender
    float32 = export_run(folder, ExportSettings("float32"))
    network = next((row.contender for row in benchmark.latency if row.contender.key.startswith(_FLOAT32)), None)
    return (
        FileSize(f"{model.name}, {detector.numbers}", detector.n_bytes, _WHOLE),
        FileSize("the same in float32", len(float32.to_bytes()), _WHOLE),
        *([FileSize("float32 TFLite", network.n_bytes, _NETWORK)] if network else []),
        FileSize("Keras", (run / KERAS_FILE).stat().st_size, _NETWORK),
    )
