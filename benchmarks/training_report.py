"""The report of a training, from its run folder alone."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from benchmarks.report.report_model import EpochShown, Figures, LearntShown, Report, ScoreTrace
from benchmarks.report.traces import alarms_above
from edge_runtime.arrays import FloatArray
from edge_runtime.errors import ModelFileError
from edge_runtime.fitting.budget import FalseAlarmBudget
from edge_runtime.fitting.promise import threshold_of, window_s_of
from edge_runtime.fitting.stretch_faults import faults_in
from edge_runtime.model_file.manifest import Threshold
from edge_runtime.signal.smoothing import Smoother
from export.fitting.file_outputs import Parts, file_outputs
from export.fitting.fit_scoring import FittedScoring, Fitting
from export.network_parts import network_parts
from training.run_folder import RunFolder, read_run_folder


def training_report(folder: Path) -> Report:
    """Return the training report of a run folder: curves, codes, reconstruction, scores, findings.

    The scores are the full model's on its normal windows, by head and limit as export would choose them.
    """
    run = read_run_folder(folder)
    scores, fitted = _scored(run)
    budget = FalseAlarmBudget()
    threshold = threshold_of(fitted.limit, budget, window_s_of(run.spec.preprocessing))
    nothing = np.empty(0)
    trace = _trace(run, scores, threshold.value)
    return Report(
        title=f"Training of {run.name}",
        recording=_tried_on(run, threshold),
        figures=Figures(None, None, float((scores > threshold.value).mean()), None, len(scores), 0),
        trace=trace,
        faults=(),
        history=history(folder / "history.csv"),
        normal_scores=nothing,
        latency=(),
        sizes=(),
        facts=_facts(run, fitted, threshold.method),
        rho=float(run.training["settings"]["rho"]),
        learnt=_learnt(run),
        alarms=alarms_above(trace),
    )


def _scored(run: RunFolder) -> tuple[FloatArray, FittedScoring]:
    """Return smoothed scores of the run's windows, and their threshold."""
    preprocessing, windows = run.spec.preprocessing, run.windows.windows

    def parts(rows: FloatArray) -> Parts:
        found = network_parts(run.network, preprocessing.transform(rows))
        return {name: values.astype(np.float32) for name, values in found.items()}

    faults = faults_in(windows, windows.std(axis=(0, 1)))
    outputs = file_outputs(parts, windows, faults, is_series=run.is_series)
    per_window = FalseAlarmBudget().per_window(window_s_of(preprocessing))
    fitted = Fitting(faults, run.spec, per_window, run.is_series).choose(outputs)
    return Smoother(fitted.scoring.smoothing_span).update_many(fitted.head.score(outputs.normal)), fitted


def _tried_on(run: RunFolder, threshold: Threshold) -> str:
    there_were, shown = run.training["rows"], len(run.windows.windows)
    return (
        f"{shown:,} normal windows of {there_were:,} rows; {threshold.target_far:.2%} are expected above the threshold"
    )


def _trace(run: RunFolder, scores: FloatArray, threshold: float) -> ScoreTrace:
    preprocessing = run.spec.preprocessing
    # The times of sampled stretches of windows are unknown.
    there_were = run.training["windows_there_were"] + run.training["held_out_windows_there_were"]
    has_time = preprocessing.rate_hz > 0 and there_were <= len(scores)
    numbers = np.arange(len(scores), dtype=float)
    ends_s = (preprocessing.window + preprocessing.stride * numbers) / (preprocessing.rate_hz or 1.0)
    none = np.zeros(len(scores), bool)
    return ScoreTrace(ends_s if has_time else numbers, scores, threshold, none, None, has_time)


def _learnt(run: RunFolder) -> LearntShown:
    preprocessing = run.spec.preprocessing
    parts = network_parts(run.network, preprocessing.transform(run.windows.windows))
    squares = (parts["residual"] ** 2).mean(axis=0)
    # What the network sees of a sensor are some of its inputs; sensors vary fastest.
    by_sensor = np.sqrt(squares.reshape(-1, preprocessing.sensors).mean(axis=0))
    sensors = run.training["profile"]["sensors"]
    return LearntShown(
        mean_activations=parts["codes"].mean(axis=0),
        firing_shares=(parts["codes"] > 0.5).mean(axis=0),
        errors=tuple(zip(run.spec.sensor_names, by_sensor.tolist(), strict=True)),
        quality=tuple((one["name"], one["grade"], one["note"] or "good") for one in sensors),
    )


def history(path: Path) -> tuple[EpochShown, ...]:
    """Return the epochs of a run folder's ``history.csv``.

    Raises
    ------
    ModelFileError
        If it cannot be read.
    """
    try:
        with path.open(newline="") as file:
            return tuple(
                EpochShown(int(row["epoch"]), *(float(row[name]) for name in _CURVES)) for row in csv.DictReader(file)
            )
    except (OSError, KeyError, ValueError) as error:
        raise ModelFileError(f"{path} cannot be read ({error}). Train it again.") from error


_CURVES = ("loss", "validation_loss", "penalty", "mean_activation")


def _facts(run: RunFolder, fitted: FittedScoring, method: str) -> tuple[tuple[str, str], ...]:
    spec = run.spec
    facts = [
        ("sensors", ", ".join(spec.sensor_names)),
        ("window", f"readings: {spec.preprocessing.window}, stride {spec.preprocessing.stride}"),
        ("layers", " – ".join(str(layer.kernel.shape[1]) for layer in (*run.network.encoder, *run.network.decoder))),
        ("head", fitted.candidate.name),
        ("threshold", method),
        ("training windows", f"{run.training['windows']:,} of {run.training['rows']:,} rows"),
        ("data SHA-256", run.provenance.data_sha256),
    ]
    facts += [(name, version) for name, version in run.provenance.packages.items()]
    return tuple(facts)
