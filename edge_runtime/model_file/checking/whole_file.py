"""Checks of a file's manifest, graph and arrays against each other."""

from __future__ import annotations

import math
from collections.abc import Mapping

from edge_runtime.arrays import NumberArray
from edge_runtime.inference.heads import PARTS, hidden_outputs
from edge_runtime.model_file.checking.file_arrays import check_arrays, check_head, unlike
from edge_runtime.model_file.checking.meaning import check_manifest
from edge_runtime.model_file.checking.memory import check_memory
from edge_runtime.model_file.checking.tflite_graph import (
    FLOAT32,
    INT8,
    UINT8,
    CheckedGraph,
    GraphTensor,
    read_checked_graph,
)
from edge_runtime.model_file.checking.work import check_work
from edge_runtime.model_file.manifest import Manifest


def check_flatbuffer(flatbuffer: bytes) -> CheckedGraph:
    """Return a flatbuffer's graph, verified, its memory and its work within the limits.

    Raises
    ------
    ModelFileError
        With the first problem.
    """
    graph = read_checked_graph(flatbuffer)
    check_work(graph, check_memory(graph))
    return graph


def check_model(flatbuffer: bytes, manifest: Manifest, arrays: Mapping[str, NumberArray]) -> None:
    """Check a model file's contents, individually and against each other.

    Raises
    ------
    ModelFileError
        With the first problem.
    """
    check_manifest(manifest)
    graph = check_flatbuffer(flatbuffer)
    if len(graph.inputs) != 1:
        raise unlike("one input", len(graph.inputs))
    if manifest.graph == "detector":
        _check_detector(graph, manifest)
    else:
        _check_network(graph, manifest)
        check_head(arrays, manifest, _head_width(graph, manifest))
    check_arrays(arrays, manifest)


def _check_detector(graph: CheckedGraph, manifest: Manifest) -> None:
    preprocessing, outputs = manifest.spec.preprocessing, graph.named(graph.outputs)
    (window,) = (graph.tensors[number] for number in graph.inputs)
    _expect_kind(window, FLOAT32)
    wanted = (preprocessing.window, preprocessing.sensors)
    if window.shape[1:] != wanted:
        raise unlike(f"windows of shape {wanted}", window.shape[1:])
    if not {"score", "codes"} <= set(outputs):
        raise unlike("the outputs score and codes", sorted(outputs))
    _expect_width(outputs["score"], 1)
    if manifest.mean_activation:
        _expect_width(outputs["codes"], len(manifest.mean_activation))
    for name in {"contributions", "expected"} & set(outputs):
        _expect_width(outputs[name], preprocessing.sensors)
    for output in outputs.values():
        _expect_kind(output, FLOAT32)


def _check_network(graph: CheckedGraph, manifest: Manifest) -> None:
    outputs = graph.named(graph.outputs)
    (values,) = (graph.tensors[number] for number in graph.inputs)
    _expect_kind(values, *((INT8, UINT8) if manifest.quantization.input_scale else (FLOAT32,)))
    _expect_width(values, manifest.spec.preprocessing.inputs)
    if not manifest.outputs:
        raise unlike("at least one output", "none")
    for output in manifest.outputs:
        tensor = outputs.get(output.tensor or output.name)
        if tensor is None:
            raise unlike(f"the output {output.tensor or output.name}", sorted(outputs))
        _expect_kind(tensor, *((INT8, UINT8) if output.scale else (FLOAT32,)))
        if output.name == "codes" and manifest.mean_activation:
            _expect_width(tensor, len(manifest.mean_activation))


def _head_width(graph: CheckedGraph, manifest: Manifest) -> int | None:
    """Return the number of values the head takes; None if the graph leaves the width of an output open."""
    tensors, inputs = graph.named(graph.outputs), manifest.spec.preprocessing.inputs
    outputs = {output.name: tensors[output.tensor or output.name] for output in manifest.outputs}
    widths = {name: None if tensor.is_open else math.prod(tensor.shape[1:]) for name, tensor in outputs.items()}
    total = 0
    for part in PARTS[manifest.spec.scoring.head]:
        if part == "inputs":
            total += inputs
            continue
        needed = {"residual": ["reconstruction"], "codes": ["codes"], "hidden": hidden_outputs(widths)}[part]
        if missing := set(needed) - set(widths):
            raise unlike(f"the output {missing.pop()}", sorted(widths))
        for name in needed:
            width = widths[name]
            if width is None:
                return None
            total += width
    return total


def _expect_kind(tensor: GraphTensor, *kinds: int) -> None:
    if tensor.kind not in kinds:
        raise unlike(f"{tensor.name!r:.80} of type {' or '.join(map(str, kinds))}", tensor.kind)


def _expect_width(tensor: GraphTensor, width: int) -> None:
    found = math.prod(tensor.shape[1:])
    # A converter may leave the shape of an output open; the actual run decides then.
    if found != width and not (tensor.is_open and not tensor.shape):
        raise unlike(f"{tensor.name!r:.80} of {width} values a window", found)
