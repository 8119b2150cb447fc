"""Windows in, scores out: with the whole detector in the graph, or the network alone and the rest on the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import nan
from typing import Any, Protocol

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import InputShapeError, ModelFileError
from edge_runtime.inference.batching import Array, BatchedGraph
from edge_runtime.inference.host_scoring import HostScoring
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.pruning import with_outputs
from edge_runtime.signal.windows import all_finite

_CHUNK = 4096
_MANY = 1024
"""Windows from which on a graph of its own for the outputs asked for is worth its memory."""
OpenGraph = Callable[[bytes], Any]


class GraphScorer(Protocol):
    """Scores raw windows of float32 values, always of shape (n, window, sensors)."""

    outputs: frozenset[str]
    """Of ``score``, ``codes``, ``contributions`` and ``expected``."""
    marks_missing: bool
    """Whether `run` gives the score NaN to windows that hold a value that is not a finite number."""

    @property
    def score(self) -> Callable[[FloatArray], float]:
        """The raw score of one window, shape (1, window, sensors); NaN if not all of its values are finite."""

    def run(self, windows: FloatArray, names: tuple[str, ...]) -> dict[str, FloatArray]:
        """Return outputs by name for every window, shape (n, …), from one run of the graph.

        The values must be finite, or `marks_missing` true and the score among the outputs.
        """

    def abandon(self) -> None:
        """See `Graph.abandon`."""


def scorer_of(
    model: ModelFile, open_graph: OpenGraph, *, accelerated: bool, rounds_batches_alike: bool = True
) -> GraphScorer:
    """Return the scorer for the manifest's `graph`; `open_graph` returns a fresh interpreter over a flatbuffer.

    On an accelerator the batch size is fixed, and the treatment of NaN is unknown. If a runtime rounds batches
    differently (see `Runtime.rounds_batches_alike`), int8 graphs take windows one at a time: a recording must give the
    same alarms as the stream.

    Raises
    ------
    ModelFileError
        If graph and manifest do not match.
    """
    is_exact = rounds_batches_alike or model.manifest.quantization.scheme != "int8"

    def batched(flatbuffer: bytes) -> BatchedGraph:
        return BatchedGraph(partial(open_graph, flatbuffer), may_resize=is_exact and not accelerated)

    if model.manifest.graph == "detector":
        return WholeDetector(model, batched, guarded=not accelerated)
    if model.manifest.graph == "network":
        return NetworkOnly(model, batched(model.flatbuffer))
    raise ModelFileError(f"the manifest says graph {model.manifest.graph!r}. Expected detector or network.")


class WholeDetector:
    """Scaling, network and head are in the graph.

    Many windows run through the part of the graph that the outputs asked for need: without codes, contributions and
    expected values it takes less than half the time.

    Parameters
    ----------
    model : ModelFile
    batched : callable
        Opens a flatbuffer.
    guarded : bool
        Whether the graph, as it is run, scores windows with a value that is not a number as NaN.
    """

    def __init__(self, model: ModelFile, batched: Callable[[bytes], BatchedGraph], *, guarded: bool) -> None:
        preprocessing, graph = model.manifest.spec.preprocessing, batched(model.flatbuffer)
        expected, found = (preprocessing.window, preprocessing.sensors), graph.single.input_shape[1:]
        if found != expected:
            raise InputShapeError(f"the graph takes windows of shape {found}, its manifest says {expected}.")
        self._graph, self.marks_missing = graph, guarded
        self._batched, self._flatbuffer = batched, model.flatbuffer
        self._parts: dict[frozenset[str], BatchedGraph] = {}
        self.outputs = frozenset(graph.single.outputs)
        if not {"score", "codes"} <= self.outputs:
            raise ModelFileError(f"expected the graph outputs score and codes. Received: {sorted(self.outputs)}.")
        graph.check_rows(self.outputs)
        score = graph.single.scalar("score")
        self.score = score if guarded else lambda window: score(window) if all_finite(window) else nan

    def run(self, windows: FloatArray, names: tuple[str, ...]) -> dict[str, FloatArray]:
        """See `GraphScorer.run`."""
        wanted = frozenset(names)
        # An accelerator runs a graph as it was compiled.
        if not self.marks_missing or not wanted < self.outputs:
            return self._graph.run(windows, names)
        if wanted not in self._parts:
            if len(windows) < _MANY:
                return self._graph.run(windows, names)
            self._parts[wanted] = self._batched(with_outputs(self._flatbuffer, wanted))
        return self._parts[wanted].run(windows, names)

    def abandon(self) -> None:
        """See `Graph.abandon`."""
        for graph in (self._graph, *self._parts.values()):
            graph.abandon()


class NetworkOnly:
    """The network is in the graph; the host scales and quantises before it and computes the score after it."""

    marks_missing = False

    def __init__(self, model: ModelFile, graph: BatchedGraph) -> None:
        manifest = model.manifest
        inputs, found = manifest.spec.preprocessing.inputs, graph.single.input_shape[1:]
        if int(np.prod(found)) != inputs:
            raise InputShapeError(f"the graph takes inputs of shape {found}, its manifest says {inputs} values.")
        self._names = tuple(output.tensor or output.name for output in manifest.outputs)
        missing = [name for name in self._names if name not in graph.single.outputs]
        if missing or not self._names:
            raise ModelFileError(
                f"the manifest names the outputs {', '.join(self._names) or 'none'}. "
                f"Received: a graph with {', '.join(graph.single.outputs)}."
            )
        graph.check_rows(self._names)
        self._graph, self._host, self._shape = graph, HostScoring.of(model), found
        host = self._host
        self._of: Mapping[str, Callable[[FloatArray, Mapping[str, Array]], FloatArray]] = {
            "score": host.score,
            "codes": lambda _, outputs: host.codes(outputs),
            "contributions": host.contributions,
            "expected": host.expected,
        }
        known = {"score"}
        if host.attribution is not None:
            known |= {"contributions"} | ({"expected"} if host.attribution.gives_levels else set())
        self.outputs = frozenset(known | ({"codes"} & {output.name for output in manifest.outputs}))

    def score(self, window: FloatArray) -> float:
        """See `GraphScorer.score`."""
        return float(self._run(window, ("score",))["score"][0]) if all_finite(window) else nan

    def run(self, windows: FloatArray, names: tuple[str, ...]) -> dict[str, FloatArray]:
        """See `GraphScorer.run`."""
        if unknown := set(names) - self.outputs:
            raise ModelFileError(
                f"the model has no output {', '.join(sorted(unknown))}. Expected: {', '.join(sorted(self.outputs))}."
            )
        if len(windows) <= _CHUNK:
            return self._run(windows, names)
        starts = range(0, len(windows), _CHUNK)
        parts = [self._run(windows[start : start + _CHUNK], names) for start in starts]
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    def abandon(self) -> None:
        """See `Graph.abandon`."""
        self._graph.abandon()

    def _run(self, windows: FloatArray, names: tuple[str, ...]) -> dict[str, FloatArray]:
        inputs = self._host.inputs(windows).reshape(len(windows), *self._shape)
        outputs: dict[str, Array] = self._graph.run(inputs, self._names)
        return {name: self._of[name](windows, outputs) for name in names}
