"""What a head is made of, from the file's own network in a real runtime: its ``z`` and the codes of every window."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import ModelFileError
from edge_runtime.fitting.moments import Floats
from edge_runtime.fitting.stretch_faults import Windows
from edge_runtime.inference.batching import BatchedGraph
from edge_runtime.inference.heads import PARTS
from edge_runtime.inference.host_scoring import HostScoring
from edge_runtime.inference.runtimes import Options, Runtime
from edge_runtime.model_file.checking.tflite_graph import CheckedGraph, read_checked_graph
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.patching import PREFIX, TRANSPOSED, with_output

_KEPT_BYTES = 2**26
_HEADS = tuple(f"{PREFIX}head_{name}" for name in ("mean", "whitening_0", f"whitening_0{TRANSPOSED}"))


class Seen(NamedTuple):
    """What the network makes of some windows.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
        The head's ``z``.
    codes : ndarray of shape (n, units), float32
        Without units where the graph gives none.
    inputs : ndarray of shape (n, inputs), float32
        Scaled.
    """

    rows: FloatArray
    codes: FloatArray
    inputs: FloatArray


class SeenWindows(Windows, Protocol):
    """Normal windows as the model sees them."""

    def blocks(self) -> Iterator[FloatArray]:
        """Yield all windows in blocks of a few megabytes."""

    @property
    def deviation(self) -> Floats:
        """Each sensor's standard deviation, shape (sensors,)."""


class NetworkRunner:
    """Runs a file's network on raw windows.

    Parameters
    ----------
    model : ModelFile
        Its scaling is used, its head is not.
    runtime : Runtime
    options : Options

    Raises
    ------
    ModelFileError
        If the graph does not say where its head begins: an older saelite exported it.
    """

    def __init__(self, model: ModelFile, runtime: Runtime, options: Options) -> None:
        manifest = model.manifest
        self._preprocessing, self._kind = manifest.spec.preprocessing, manifest.spec.scoring.head
        self._host, flatbuffer = None, model.flatbuffer
        if manifest.graph == "network":
            self._host = HostScoring(self._preprocessing, None, manifest.quantization, manifest.outputs)
            self._names = tuple(output.tensor or output.name for output in manifest.outputs)
        else:
            graph = read_checked_graph(flatbuffer)
            place = _head_starts_at(graph)
            self._rows = graph.tensors[place].name
            if place not in graph.outputs:
                flatbuffer = with_output(flatbuffer, "score", place)
            self._names = tuple(dict.fromkeys(("codes", self._rows)))
        is_exact = runtime.rounds_batches_alike(options) or manifest.quantization.scheme != "int8"
        self._graph = BatchedGraph(
            partial(runtime.open, flatbuffer, options), may_resize=is_exact and options.accelerator is None
        )
        self._graph.check_rows(self._names)

    def run(self, windows: FloatArray) -> Seen:
        """Return what the network makes of windows of shape (n, window, sensors)."""
        if self._host is None:
            outputs = self._graph.run(windows, self._names)
            return Seen(outputs[self._rows], outputs["codes"], self._preprocessing.transform(windows))
        entries = self._host.inputs(windows).reshape(len(windows), *self._graph.single.input_shape[1:])
        parts = self._host.parts(windows, self._graph.run(entries, self._names))
        rows = np.concatenate([parts[name] for name in PARTS[self._kind]], axis=1)
        return Seen(rows, parts.get("codes", rows[:, :0]), parts["inputs"])


def _head_starts_at(graph: CheckedGraph) -> int:
    """Return the number of the tensor that the head's first op takes."""
    heads = {number for number, tensor in enumerate(graph.tensors) if tensor.name in _HEADS}
    for op in graph.ops:
        if len(op.inputs) > 1 and op.inputs[1] in heads:
            return op.inputs[0]
        if len(op.inputs) == 1 and op.inputs[0] in heads:
            # A matrix in float16, widened.
            heads.update(op.outputs)
    raise ModelFileError(
        "the graph does not name its constants, so it cannot be adapted: expected a file exported by this saelite or a "
        "later one. Export it again."
    )


class NetworkOutputs:
    """What the network makes of all normal windows, block by block; kept in memory where that is small.

    Parameters
    ----------
    runner : NetworkRunner
    windows : SeenWindows
    """

    def __init__(self, runner: NetworkRunner, windows: SeenWindows) -> None:
        self._runner, self._windows = runner, windows
        self._kept: list[Seen] | None = None
        first = runner.run(windows[:1])
        if len(windows) * sum(part.nbytes for part in first) <= _KEPT_BYTES:
            self._kept = [runner.run(block) for block in windows.blocks()]

    def __iter__(self) -> Iterator[Seen]:
        return iter(self._kept) if self._kept is not None else map(self._runner.run, self._windows.blocks())


class Part:
    """One part of the outputs as `edge_runtime.fitting.moments.Blocks`: ``rows``, ``codes`` or ``inputs``."""

    def __init__(self, outputs: NetworkOutputs, name: str) -> None:
        self._outputs, self._name = outputs, name

    def __iter__(self) -> Iterator[FloatArray]:
        return (getattr(one, self._name) for one in self._outputs)
