"""Run folder in, one verified model file out."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.adaptation.drift import fit_drift_limit
from edge_runtime.errors import RuntimeUnavailableError
from edge_runtime.interpreter import installed_runtimes
from edge_runtime.manifest import SCHEMA, Manifest, Parity, Provenance, Quantization, RuntimeCheck
from edge_runtime.model_file import ModelFile
from edge_runtime.preprocessing import FloatArray, Preprocessing
from edge_runtime.run_folder import RunFolder
from edge_runtime.smoothing import Smoother
from export import flatbuffer
from export.inference_graph import build_float_graph
from export.parity import compare
from export.quantization import quantize, representative_dataset
from export.runtime_check import RuntimeOutputs, run_in
from export.threshold import fit_threshold

_PACKAGES = ("tensorflow", "ai-edge-quantizer")
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class ExportSettings:
    """What to write.

    Parameters
    ----------
    scheme : str
        See `export.quantization.SCHEMES`.
    target : str
        Where the file will run; ``cpu`` is every installed CPU runtime.
    """

    scheme: str = "int8"
    target: str = "cpu"


def export_run(run: RunFolder, settings: ExportSettings, on_step: OnStep = lambda _: None) -> ModelFile:
    """Build, quantise, run and compare; return the file's contents.

    Raises
    ------
    ModelFileError
        If a layer cannot be exported, or an installed runtime refuses the graph.
    RuntimeUnavailableError
        If no runtime is installed to check the file in.
    """
    spec, windows = run.spec, run.windows
    on_step("building the inference graph")
    float_graph = build_float_graph(run.network, spec.preprocessing, run.head)
    on_step(f"quantising the network ({settings.scheme})")
    representative = representative_dataset(windows.representative, spec.preprocessing)
    graph = flatbuffer.name_tensors(quantize(float_graph, settings.scheme, representative), float_graph)
    outputs = _run_everywhere(graph, windows.held_out, on_step)
    on_step("fitting the threshold and comparing with the full model")
    smoothed = Smoother(spec.scoring.smoothing_span).update_many(outputs[0].scores)
    threshold = fit_threshold(smoothed, run.threshold_rule)
    model = ModelFile(
        graph,
        Manifest(
            schema=SCHEMA,
            name=run.name,
            target=settings.target,
            spec=spec,
            threshold=threshold,
            quantization=_quantization(graph, settings.scheme, windows.held_out, spec.preprocessing),
            mean_activation=tuple(outputs[0].codes.mean(axis=0, dtype=np.float64).tolist()),
            drift=fit_drift_limit(outputs[0].codes),
            flatbuffer_sha256="",
            ops=flatbuffer.ops(graph),
            parity=_parity(run, outputs[0]),
            runtimes=tuple(_check(output, outputs[0], threshold.value) for output in outputs),
            provenance=_provenance(run.provenance),
        ),
    )
    return replace(model, manifest=replace(model.manifest, flatbuffer_sha256=model.sha256))


def _run_everywhere(graph: bytes, windows: FloatArray, on_step: OnStep) -> list[RuntimeOutputs]:
    runtimes = installed_runtimes()
    if not runtimes:
        raise RuntimeUnavailableError(
            "no TFLite runtime is installed to check the file in. Install one with: pip install ai-edge-litert"
        )
    outputs = []
    for runtime in runtimes:
        on_step(f"running it in {runtime.name} {runtime.version}")
        outputs.append(run_in(runtime, graph, windows))
    return outputs


def _check(output: RuntimeOutputs, first: RuntimeOutputs, threshold: float) -> RuntimeCheck:
    difference = float(np.abs(output.scores - first.scores).max()) / max(threshold, 1e-30)
    return RuntimeCheck(output.runtime.name, output.runtime.version, output.machine, difference)


def _parity(run: RunFolder, output: RuntimeOutputs) -> Parity:
    windows = run.windows
    return compare(
        windows.held_out_codes,
        windows.held_out_scores,
        output.codes,
        output.scores,
        run.threshold_rule,
        run.spec.scoring.smoothing_span,
    )


def _quantization(graph: bytes, scheme: str, held_out: FloatArray, preprocessing: Preprocessing) -> Quantization:
    """Read scale and zero point off the finished graph, and measure what they clip."""
    entry = flatbuffer.quantized_input(graph)
    if entry is None:
        return Quantization(scheme)
    scale, zero_point = entry
    quantized = np.rint(preprocessing.transform(held_out) / scale) + zero_point
    saturation = float(((quantized < -128) | (quantized > 127)).mean())
    return Quantization(scheme, "tensor", scale, zero_point, saturation)


def _provenance(provenance: Provenance) -> Provenance:
    exporters = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return replace(provenance, packages={**provenance.packages, **exporters})
