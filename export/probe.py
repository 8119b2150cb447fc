"""Running a network on its own in a real runtime, in the graph's number format, to fit on its outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.stretch_faults import Fault, faults_in
from edge_runtime.inference.graph_constants import scaling_constants
from edge_runtime.inference.heads import PARTS, hidden_outputs, needs_decoder
from edge_runtime.inference.host_scoring import HostScoring
from edge_runtime.model_file.manifest import Quantization
from edge_runtime.model_file.patching import with_constants
from edge_runtime.signal.preprocessing import UNLIMITED, Preprocessing
from export import flatbuffer
from export.fitting.file_outputs import FileOutputs, Parts, file_outputs
from export.fitting.fit_scoring import heads_for as heads_tried
from export.flatbuffer import ParsedFlatbuffer
from export.inference_graph import build_network_graph, build_probe_graph
from export.installed import InstalledRuntime
from export.quantization import INPUT_REACH, quantize, representative_dataset
from export.runtime_check import run_graph
from export.targets import DETECTOR, Target
from training.run_folder import Network, RunFolder

_REPRESENTATIVE_WINDOWS = 1000


@dataclass(frozen=True)
class Probe:
    """A run's network without a head, ready to be quantised.

    Parameters
    ----------
    run : RunFolder
    target : Target
    float_graph : ParsedFlatbuffer
    sample : ndarray
        Representative inputs, from which the ranges of its tensors are found.
    faults : tuple of Fault
    """

    run: RunFolder
    target: Target
    float_graph: ParsedFlatbuffer
    sample: FloatArray
    faults: tuple[Fault, ...]

    @classmethod
    def of(cls, run: RunFolder, target: Target) -> Probe:
        """Build a graph that outputs everything a head may use."""
        preprocessing, windows = run.spec.preprocessing, run.windows.windows
        if target.graph == DETECTOR:
            graph = build_probe_graph(run.network, preprocessing, heads_tried(run))
        else:
            graph = build_network_graph(run.network, heads_for(run.network))
        parsed = flatbuffer.parse(graph)
        return cls(run, target, parsed, representative(run, target), faults_in(windows, windows.std(axis=(0, 1))))

    def codes(self, runtime: InstalledRuntime, trained: RunFolder) -> FloatArray:
        """Return the float32 network's codes for the windows of a run with another scaling."""
        preprocessing, graph = trained.spec.preprocessing, self.float_graph
        if self.target.graph == DETECTOR and preprocessing != self.run.spec.preprocessing:
            graph = flatbuffer.parse(with_constants(graph.content, scaling_constants(preprocessing)))
        return self._run(graph, runtime, trained.windows.windows, preprocessing)["codes"]

    def outputs(self, scheme: str, runtime: InstalledRuntime) -> FileOutputs:
        """Return the network's outputs under a quantisation scheme."""
        graph = quantize(self.float_graph, scheme, self.target, self.sample)
        return file_outputs(
            lambda windows: self._run(graph, runtime, windows, self.run.spec.preprocessing),
            self.run.windows.windows,
            self.faults,
            is_series=self.run.is_series,
        )

    def _run(
        self, graph: ParsedFlatbuffer, runtime: InstalledRuntime, windows: FloatArray, preprocessing: Preprocessing
    ) -> Parts:
        if self.target.graph == DETECTOR:
            return parts_of(run_graph(runtime, graph.content, windows, together=True)[0])
        scale, zero_point = graph.quantized_input or (0.0, 0)
        quantization = Quantization("", input_scale=scale, input_zero_point=zero_point)
        host = HostScoring(preprocessing, None, quantization, graph.outputs)
        outputs, _ = run_graph(runtime, graph.content, host.inputs(windows))
        return host.parts(windows, outputs)


def representative(run: RunFolder, target: Target) -> FloatArray:
    """Return the representative dataset of a graph: normal windows, evenly spread, and each sensor at its limits."""
    windows = run.windows.windows
    sample = representative_dataset(windows[:: -(-len(windows) // _REPRESENTATIVE_WINDOWS)], run.spec.preprocessing)
    if target.graph == DETECTOR:
        return sample
    inputs = run.spec.preprocessing.transform(sample)
    return inputs if run.spec.preprocessing.limit >= UNLIMITED else inputs.clip(-INPUT_REACH, INPUT_REACH)


def heads_for(network: Network) -> tuple[str, ...]:
    """Return the heads for which a network has the parts."""
    return tuple(kind for kind in PARTS if network.decoder or not needs_decoder(kind))


def parts_of(outputs: dict[str, FloatArray]) -> Parts:
    """Return the parts that heads use, from a probe graph's outputs by name."""
    inputs = outputs["inputs"]
    hidden = [outputs[name] for name in hidden_outputs(outputs)]
    parts = {
        "inputs": inputs,
        "hidden": np.concatenate([inputs[:, :0], *hidden], axis=1),
        "codes": outputs["codes"],
    }
    if "reconstruction" in outputs:
        parts["residual"] = inputs - outputs["reconstruction"]
    return parts
