"""The report of a training, from its run folder alone."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from benchmarks.report.model import Epoch, Figures, Learnt, Report, ScoreTrace
from benchmarks.report.traces import alarms_above
from edge_runtime.errors import ModelFileError
from edge_runtime.manifest import Threshold
from edge_runtime.preprocessing import FloatArray
from edge_runtime.run_folder import RunFolder, read_run_folder
from edge_runtime.smoothing import Smoother
from export.threshold import fit_threshold
from training.plain_scoring import plain_parts


def training_report(folder: Path) -> Report:
    """Return what a run folder says of its training: curves, codes, reconstruction, scores, findings.

    The scores are the full model's on the held-out windows; the threshold is fitted on them as export will fit
    it on the file's.
    """
    run = read_run_folder(folder)
    scores = Smoother(run.spec.scoring.smoothing_span).update_many(run.windows.held_out_scores)
    threshold = fit_threshold(scores, run.threshold_rule)
    nothing = np.empty(0)
    trace = _trace(run, scores, threshold.value)
    return Report(
        title=f"Training of {run.name}",
        recording=_tried_on(run, threshold),
        figures=Figures(None, None, threshold.measured_far, None, threshold.n_measured, 0),
        trace=trace,
        faults=(),
        history=history(folder / "history.csv"),
        normal_scores=nothing,
        latency=(),
        sizes=(),
        facts=_facts(run, threshold.method),
        rho=float(run.training["settings"]["rho"]),
        learnt=_learnt(run),
        alarms=alarms_above(trace),
    )


def _tried_on(run: RunFolder, threshold: Threshold) -> str:
    there_were, shown = run.training["held_out_windows_there_were"], len(run.windows.held_out)
    which = "its held-out normal windows"
    if shown != there_were:
        which = f"{shown:,} of its {there_were:,} held-out normal windows, in stretches spread over the time"
    if not threshold.n_measured:
        return f"{which}; the threshold is fitted on all of them"
    return (
        f"{which}: the threshold is fitted on the first {threshold.n_windows:,}, false alarms are counted on the other "
        f"{threshold.n_measured:,} (aimed at: {threshold.target_far:.2%})"
    )


def _trace(run: RunFolder, scores: FloatArray, threshold: float) -> ScoreTrace:
    preprocessing = run.spec.preprocessing
    # Of stretches of windows nobody knows when they were.
    has_time = preprocessing.rate_hz > 0 and run.training["held_out_windows_there_were"] == len(scores)
    numbers = np.arange(len(scores), dtype=float)
    ends_s = (preprocessing.window + preprocessing.stride * numbers) / (preprocessing.rate_hz or 1.0)
    none = np.zeros(len(scores), bool)
    return ScoreTrace(ends_s if has_time else numbers, scores, threshold, none, None, has_time)


def _learnt(run: RunFolder) -> Learnt:
    preprocessing = run.spec.preprocessing
    parts = plain_parts(run.network, preprocessing.transform(run.windows.held_out))
    squares = (parts["residual"] ** 2).mean(axis=0)
    # What the network sees of a sensor are some of its inputs; sensors vary fastest.
    by_sensor = np.sqrt(squares.reshape(-1, preprocessing.sensors).mean(axis=0))
    findings = run.training["findings"]
    return Learnt(
        mean_activations=parts["codes"].mean(axis=0),
        firing_shares=(parts["codes"] > 0.5).mean(axis=0),
        errors=tuple(zip(run.spec.sensor_names, by_sensor.tolist(), strict=True)),
        findings=tuple((kind, ", ".join(names)) for kind, names in findings.items() if names),
    )


def history(path: Path) -> tuple[Epoch, ...]:
    """Return the epochs of a run folder's ``history.csv``.

    Raises
    ------
    ModelFileError
        If it cannot be read.
    """
    try:
        with path.open(newline="") as file:
            return tuple(
                Epoch(int(row["epoch"]), *(float(row[name]) for name in _CURVES)) for row in csv.DictReader(file)
            )
    except (OSError, KeyError, ValueError) as error:
        raise ModelFileError(f"{path} cannot be read ({error}). Train it again.") from error


_CURVES = ("loss", "validation_loss", "penalty", "mean_activation")


def _facts(run: RunFolder, method: str) -> tuple[tuple[str, str], ...]:
    spec = run.spec
    facts = [
        ("sensors", ", ".join(spec.sensor_names)),
        ("window", f"readings: {spec.preprocessing.window}, stride {spec.preprocessing.stride}"),
        ("layers", " – ".join(str(layer.kernel.shape[1]) for layer in (*run.network.encoder, *run.network.decoder))),
        ("head", spec.scoring.head),
        ("threshold", method),
        ("training windows", f"{run.training['windows']:,} of {run.training['rows']:,} rows"),
        ("data SHA-256", run.provenance.data_sha256),
    ]
    facts += [(name, version) for name, version in run.provenance.packages.items()]
    return tuple(facts)
