"""Run folder in, one verified model file out."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edge_runtime.adaptation.drift import fit_drift_limit
from edge_runtime.errors import ParityError
from edge_runtime.manifest import (
    SCHEMA,
    Manifest,
    NotRun,
    Parity,
    ParityLimits,
    Provenance,
    Quantization,
    RuntimeCheck,
    Threshold,
)
from edge_runtime.model_file import ModelFile
from edge_runtime.parity import FLOAT32_CODES_LIMIT, Side, compare, roc_auc, shortfalls
from edge_runtime.preprocessing import FloatArray, Preprocessing
from edge_runtime.run_folder import RunFolder
from edge_runtime.smoothing import Smoother
from edge_runtime.verification import reference_arrays
from export import flatbuffer
from export.audit import audit
from export.edgetpu import expected_places
from export.inference_graph import build_detector_graph, build_network_graph
from export.labelled import Labelled
from export.quantization import quantize, representative_dataset
from export.runtime_check import InstalledRuntime, RuntimeOutputs, run_in, runtimes_for
from export.targets import DETECTOR, Target, find_target
from export.threshold import fit_threshold

_PACKAGES = ("tensorflow", "ai-edge-quantizer")
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class ExportSettings:
    """What to write.

    Parameters
    ----------
    scheme : str, optional
        See `export.quantization.SCHEMES`; by default the target's own.
    target : str
        A key of `export.targets.TARGETS`.
    runtime_pythons : tuple of Path
        Pythons of other environments whose runtimes shall run the file too.
    limits : ParityLimits
        How far the file may be from the full model.
    allow_parity_failure : bool
        Go on beyond the limits; the manifest then says so.
    """

    scheme: str | None = None
    target: str = "cpu"
    runtime_pythons: tuple[Path, ...] = ()
    limits: ParityLimits = field(default_factory=ParityLimits)
    allow_parity_failure: bool = False


def export_run(
    run: RunFolder, settings: ExportSettings, on_step: OnStep = lambda _: None, labelled: Labelled | None = None
) -> ModelFile:
    """Build, quantise, audit, run and compare; return the file's contents.

    Parameters
    ----------
    labelled : Labelled, optional
        Windows on which ROC-AUC must not fall either.

    Raises
    ------
    ModelFileError
        If a layer cannot be exported, the finished graph does not fit the target, or an installed runtime
        refuses it.
    ParityError
        If the file is farther from the full model than the limits allow.
    RuntimeUnavailableError
        If no runtime is installed to check the file in.
    """
    target, scheme = find_target(settings.target, settings.scheme)
    runtimes = runtimes_for(target, settings.runtime_pythons)
    on_step("building the inference graph")
    float_graph = _float_graph(run, target)
    float_model = _model(run, target, "float32", float_graph)
    on_step(f"quantising the network ({scheme})")
    model = _model(run, target, scheme, float_graph)
    on_step("auditing the finished graph")
    audit(model.flatbuffer, target, scheme)
    held_out = run.windows.held_out
    on_step(f"running the float32 graph in {runtimes[0].title}")
    rebuilt = _parity(run, run_in(runtimes[0], float_model, held_out))
    _check_rebuilt(rebuilt)
    outputs = []
    for installed in runtimes:
        on_step(f"running it in {installed.title}")
        outputs.append(run_in(installed, model, held_out))
    on_step("fitting the threshold and comparing with the full model")
    parities = [_parity(run, output) for output in outputs]
    if labelled is not None:
        on_step("scoring the labelled windows")
        parities[0] = _with_auc(parities[0], (float_model, model), runtimes[0], labelled)
    failures = _failures(parities, outputs, settings)
    threshold = _threshold(run, outputs[0].scores)
    manifest = replace(
        model.manifest,
        threshold=threshold,
        mean_activation=tuple(outputs[0].codes.mean(axis=0, dtype=np.float64).tolist()),
        drift=fit_drift_limit(outputs[0].codes),
        parity=parities[0],
        parity_float32=rebuilt,
        parity_limits=settings.limits,
        parity_failures=failures,
        runtimes=tuple(_check(output, outputs[0], threshold.value) for output in outputs),
        not_run=_not_run(target, outputs),
    )
    return replace(
        model, manifest=manifest, arrays={**model.arrays, **reference_arrays(run.windows, outputs[0].scores)}
    )


def _float_graph(run: RunFolder, target: Target) -> bytes:
    if target.graph == DETECTOR:
        return build_detector_graph(run.network, run.spec.preprocessing, run.head)
    return build_network_graph(run.network, run.head)


def _model(run: RunFolder, target: Target, scheme: str, float_graph: bytes) -> ModelFile:
    """Return the file before it was run: without threshold, code statistics, parity and runtimes."""
    spec, windows = run.spec, run.windows
    sample = representative_dataset(windows.representative, spec.preprocessing)
    arrays: dict[str, FloatArray] = {}
    if target.graph != DETECTOR:
        sample = spec.preprocessing.transform(sample)
        arrays = {"head_mean": run.head.mean, "head_whitening": run.head.whitening}
    graph = flatbuffer.name_tensors(quantize(float_graph, scheme, target, sample), float_graph)
    manifest = Manifest(
        schema=SCHEMA,
        name=run.name,
        target=target.name,
        spec=spec,
        threshold=Threshold(0.0, "", 0.0, 0),
        quantization=_quantization(graph, scheme, target, windows.held_out, spec.preprocessing),
        mean_activation=(),
        flatbuffer_sha256="",
        ops=flatbuffer.ops(graph),
        op_places=expected_places(graph) if target.name == "edgetpu" else (),
        provenance=_provenance(run.provenance),
        graph=target.graph,
        outputs=() if target.graph == DETECTOR else flatbuffer.network_outputs(graph),
    )
    model = ModelFile(graph, manifest, arrays)
    return replace(model, manifest=replace(manifest, flatbuffer_sha256=model.sha256))


def _threshold(run: RunFolder, scores: FloatArray) -> Threshold:
    return fit_threshold(Smoother(run.spec.scoring.smoothing_span).update_many(scores), run.threshold_rule)


def _parity(run: RunFolder, output: RuntimeOutputs) -> Parity:
    windows = run.windows
    full = Side(windows.held_out_codes, windows.held_out_scores, _threshold(run, windows.held_out_scores).value)
    file = Side(output.codes, output.scores, _threshold(run, output.scores).value)
    return compare(full, file, run.spec.scoring.smoothing_span)


def _check_rebuilt(parity: Parity) -> None:
    """Raise ParityError if the float32 graph is not the model: something is wrong then that no limit shall hide."""
    if parity.codes_max_difference > FLOAT32_CODES_LIMIT:
        raise ParityError(
            f"the rebuilt float32 graph is not the full model: codes differ by {parity.codes_max_difference:.3g}, "
            f"expected at most {FLOAT32_CODES_LIMIT:g}. Nothing is written."
        )


def _with_auc(
    parity: Parity, models: tuple[ModelFile, ModelFile], runtime: InstalledRuntime, labelled: Labelled
) -> Parity:
    # The float32 file stands for the full model, which it was just shown to equal.
    full, file = (roc_auc(run_in(runtime, model, labelled.windows).scores, labelled.labels) for model in models)
    return parity._replace(roc_auc_full=full, roc_auc=file)


def _failures(parities: list[Parity], outputs: list[RuntimeOutputs], settings: ExportSettings) -> tuple[str, ...]:
    failures = tuple(
        f"{output.runtime.name}: {sentence}"
        for parity, output in zip(parities, outputs, strict=True)
        for sentence in shortfalls(parity, settings.limits)
    )
    if failures and not settings.allow_parity_failure:
        raise ParityError(
            f"the file is not what the full model is: {'; '.join(failures)}. Nothing is written. Try --quantize "
            "int16x8 or float32, change the limit, or write it all the same with --allow-parity-failure."
        )
    return failures


def _check(output: RuntimeOutputs, first: RuntimeOutputs, threshold: float) -> RuntimeCheck:
    difference = float(np.abs(output.scores - first.scores).max()) / max(threshold, 1e-30)
    return RuntimeCheck(output.runtime.name, output.runtime.version, output.machine, difference)


def _not_run(target: Target, outputs: list[RuntimeOutputs]) -> tuple[NotRun, ...]:
    run = {output.runtime.name for output in outputs}
    missing = [NotRun(name, "not installed") for name in target.runtimes if name not in run]
    return (*missing, *(NotRun(target.name, reason) for reason in target.never_run))


def _quantization(
    graph: bytes, scheme: str, target: Target, held_out: FloatArray, preprocessing: Preprocessing
) -> Quantization:
    """Read scale and zero point off the finished graph, and measure what they clip."""
    entry = flatbuffer.quantized_input(graph)
    if entry is None:
        return Quantization(scheme, target.granularity)
    scale, zero_point = entry
    reach = 2 ** (15 if scheme == "int16x8" else 7)
    quantized = np.rint(preprocessing.transform(held_out) / scale) + zero_point
    saturation = float(((quantized < -reach) | (quantized > reach - 1)).mean())
    return Quantization(scheme, target.granularity, scale, zero_point, saturation)


def _provenance(provenance: Provenance) -> Provenance:
    exporters = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return provenance._replace(
        packages={**provenance.packages, **exporters},
        source_date_epoch=os.environ.get("SOURCE_DATE_EPOCH", ""),
    )
