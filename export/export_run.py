"""Run folder in, one verified model file out."""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge_runtime.fitting.budget import FalseAlarmBudget
from edge_runtime.fitting.promise import threshold_of, window_s_of
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import SCHEMA, Manifest, NotRun, ParityLimits, Provenance, RuntimeCheck
from edge_runtime.streaming.adaptation.drift import fit_drift_limit
from edge_runtime.verification.reference_run import reference_arrays
from export.attempt import Attempt, Attempts
from export.edgetpu import expected_places
from export.file_comparison import FileComparison, compare_with_float32
from export.fitting.fit_scoring import spans_of
from export.installed import runtimes_for
from export.labelled import Labelled
from export.runtime_check import OnStep, RuntimeOutputs
from export.targets import MICRO, Target, find_target
from training.run_folder import ChipBudget, RunFolder

_PACKAGES = ("ai-edge-litert", "litert-quantizer")
_NOT_INSTALLED = {MICRO: "not installed; pip install tflite-micro, which has wheels for Linux on x86_64 only"}


@dataclass(frozen=True)
class ExportSettings:
    """What to write.

    Parameters
    ----------
    scheme : str, optional
        See `export.quantization.SCHEMES`; by default the narrowest that detects as well as float32.
    target : str
        A key of `export.targets.TARGETS`.
    runtime_pythons : tuple of Path
        Pythons of other environments, whose runtimes must run the file too.
    budget : FalseAlarmBudget
        The alarm budget that the threshold is fitted for.
    limits : ParityLimits
        How far a scheme may differ from float32 before a wider one is tried.
    chip : ChipBudget
        What the head must fit in, for the targets ``c`` and ``micro``; what is None is as the run says.
    """

    scheme: str | None = None
    target: str = "cpu"
    runtime_pythons: tuple[Path, ...] = ()
    budget: FalseAlarmBudget = field(default_factory=FalseAlarmBudget)
    limits: ParityLimits = field(default_factory=ParityLimits)
    chip: ChipBudget = ChipBudget()  # noqa: RUF009 - never changes


def export_run(
    run: RunFolder, settings: ExportSettings, on_step: OnStep = lambda _: None, labelled: Labelled | None = None
) -> ModelFile:
    """Quantise, fit on the quantised network's outputs, run, and compare; return the file's contents.

    Schemes are tried from the narrowest to the widest; the first that alarms and ranks synthetic faults as float32
    does is taken. The widest allowed scheme is taken in any case; the manifest then lists how it differs.

    Parameters
    ----------
    labelled : Labelled, optional
        Windows on which ROC-AUC must not fall, in addition to the synthetic faults.

    Raises
    ------
    ModelFileError
        If a layer cannot be exported, the finished graph does not fit the target, or an installed runtime
        refuses it.
    ParityError
        If the float32 graph does not match the full model.
    RuntimeUnavailableError
        If no runtime is installed to check the file in.
    DoesNotFitError
        If no head fits the chip.
    """
    target, schemes = find_target(settings.target, settings.scheme)
    runtimes = runtimes_for(target, settings.runtime_pythons)
    attempts = Attempts(run, target, settings.budget, settings.chip.over(run.budget), runtimes, on_step)
    given_up: list[str] = []
    schemes = attempts.that_fit(schemes)
    for scheme in schemes:
        attempt = attempts.make(scheme)
        found = compare_with_float32(attempt, attempts.in_float32(attempt), settings.limits, labelled)
        if not found.failures or scheme == schemes[-1]:
            break
        given_up.append(f"{scheme}: {'; '.join(found.failures)}")
    first = attempt.runs[0]
    arrays = attempt.arrays | reference_arrays(attempts.windows, attempts.is_faulty, first.codes, first.scores)
    manifest = _manifest(attempts.run, target, settings, attempt, found, tuple(given_up))
    return ModelFile(attempt.graph.content, manifest, arrays)


def _manifest(  # noqa: PLR0913 - all that is known at the end
    run: RunFolder,
    target: Target,
    settings: ExportSettings,
    attempt: Attempt,
    found: FileComparison,
    given_up: tuple[str, ...],
) -> Manifest:
    graph, fitted, codes = attempt.graph, attempt.scoring, attempt.outputs.normal["codes"]
    return Manifest(
        schema=SCHEMA,
        name=run.name,
        target=target.name,
        spec=run.spec._replace(scoring=fitted.scoring),
        threshold=threshold_of(fitted.limit, settings.budget, window_s_of(run.spec.preprocessing)),
        quantization=attempt.quantization,
        mean_activation=tuple(codes.mean(axis=0, dtype=np.float64).tolist()),
        flatbuffer_sha256=graph.sha256,
        ops=graph.ops,
        parity=found.parity,
        runtimes=tuple(_check(run, attempt.runs[0]) for run in attempt.runs),
        provenance=_provenance(run.provenance),
        graph=target.graph,
        outputs=() if attempt.host is None else graph.outputs,
        drift=fit_drift_limit(codes),
        not_run=_not_run(target, attempt.runs),
        parity_float32=found.parity_float32,
        parity_limits=settings.limits,
        parity_failures=found.failures,
        op_places=expected_places(graph) if target.name == "edgetpu" else (),
        tried=fitted.tried,
        given_up=given_up,
        bands=fitted.bands,
        allows_drift=fitted.candidate.allow_drift,
        spans=spans_of(run.spec.scoring, run.is_series),
    )


def _check(output: RuntimeOutputs, first: RuntimeOutputs) -> RuntimeCheck:
    difference = float(np.abs(output.scores - first.scores).max())
    return RuntimeCheck(output.runtime.name, output.runtime.version, output.machine, difference, output.arena_bytes)


def _not_run(target: Target, outputs: tuple[RuntimeOutputs, ...]) -> tuple[NotRun, ...]:
    run = {output.runtime.name for output in outputs}
    missing = [NotRun(name, _NOT_INSTALLED.get(name, "not installed")) for name in target.runtimes if name not in run]
    return (*missing, *(NotRun(target.name, reason) for reason in target.never_run))


def _provenance(provenance: Provenance) -> Provenance:
    exporters = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return provenance._replace(
        packages={**provenance.packages, **exporters},
        source_date_epoch=os.environ.get("SOURCE_DATE_EPOCH", ""),
    )
