"""Manifest, graph and arrays of one file held against each other."""

from __future__ import annotations

import math

import numpy as np

from edge_runtime.checking.graph import FLOAT32, INT8, UINT8, CheckedGraph, GraphTensor, read_checked_graph
from edge_runtime.checking.manifest import check_manifest
from edge_runtime.checking.memory import check_memory
from edge_runtime.errors import ModelFileError
from edge_runtime.manifest import Manifest
from edge_runtime.preprocessing import FloatArray


def check_flatbuffer(flatbuffer: bytes) -> CheckedGraph:
    """Return a flatbuffer's graph, verified, its memory within the limit.

    Raises
    ------
    ModelFileError
        With the first thing that does not fit.
    """
    graph = read_checked_graph(flatbuffer)
    check_memory(graph)
    return graph


def check_model(flatbuffer: bytes, manifest: Manifest, arrays: dict[str, FloatArray]) -> None:
    """Check a model file's contents, each by itself and against the others.

    Raises
    ------
    ModelFileError
        With the first thing that does not fit.
    """
    check_manifest(manifest)
    graph = check_flatbuffer(flatbuffer)
    if len(graph.inputs) != 1:
        raise _unlike("one input", len(graph.inputs))
    if manifest.graph == "detector":
        _check_detector(graph, manifest)
    else:
        _check_network(graph, manifest)
        _check_head(arrays)
    _check_arrays(arrays, manifest)


def _check_detector(graph: CheckedGraph, manifest: Manifest) -> None:
    preprocessing, outputs = manifest.spec.preprocessing, graph.named(graph.outputs)
    (window,) = (graph.tensors[number] for number in graph.inputs)
    _expect_kind(window, FLOAT32)
    wanted = (preprocessing.window, preprocessing.sensors)
    if window.shape[1:] != wanted:
        raise _unlike(f"windows of shape {wanted}", window.shape[1:])
    if not {"score", "codes"} <= set(outputs):
        raise _unlike("the outputs score and codes", sorted(outputs))
    _expect_width(outputs["score"], 1)
    if manifest.mean_activation:
        _expect_width(outputs["codes"], len(manifest.mean_activation))
    if "contributions" in outputs:
        _expect_width(outputs["contributions"], preprocessing.sensors)
    for output in outputs.values():
        _expect_kind(output, FLOAT32)


def _check_network(graph: CheckedGraph, manifest: Manifest) -> None:
    outputs = graph.named(graph.outputs)
    (values,) = (graph.tensors[number] for number in graph.inputs)
    _expect_kind(values, *((INT8, UINT8) if manifest.quantization.input_scale else (FLOAT32,)))
    _expect_width(values, manifest.spec.preprocessing.inputs)
    if not manifest.outputs:
        raise _unlike("at least one output", "none")
    for output in manifest.outputs:
        tensor = outputs.get(output.tensor or output.name)
        if tensor is None:
            raise _unlike(f"the output {output.tensor or output.name}", sorted(outputs))
        _expect_kind(tensor, *((INT8, UINT8) if output.scale else (FLOAT32,)))
        if output.name == "codes" and manifest.mean_activation:
            _expect_width(tensor, len(manifest.mean_activation))


def _expect_kind(tensor: GraphTensor, *kinds: int) -> None:
    if tensor.kind not in kinds:
        raise _unlike(f"{tensor.name!r:.80} of type {' or '.join(map(str, kinds))}", tensor.kind)


def _expect_width(tensor: GraphTensor, width: int) -> None:
    found = math.prod(tensor.shape[1:])
    # A converter may leave the shape of an output open; what is run is what counts then.
    if found != width and not (tensor.is_open and not tensor.shape):
        raise _unlike(f"{tensor.name!r:.80} of {width} values a window", found)


def _check_head(arrays: dict[str, FloatArray]) -> None:
    if not {"head_mean", "head_whitening"} <= set(arrays):
        raise _unlike("a head's mean and whitening", sorted(arrays))
    mean, whitening = arrays["head_mean"], arrays["head_whitening"]
    if mean.ndim != 1 or whitening.shape not in (mean.shape, (len(mean), len(mean))):
        raise _unlike("a whitening that fits the head's mean", f"{whitening.shape} for {mean.shape}")


def _check_arrays(arrays: dict[str, FloatArray], manifest: Manifest) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise _unlike(f"finite numbers in {name!r:.80}", "NaN or infinity")
    windows = arrays.get("reference_windows")
    if windows is None:
        return
    preprocessing = manifest.spec.preprocessing
    if windows.ndim != 3 or windows.shape[1:] != (preprocessing.window, preprocessing.sensors) or not len(windows):
        raise _unlike("reference windows of the model's shape", windows.shape)
    for name in ("reference_codes", "reference_scores", "reference_file_scores"):
        if name not in arrays or not arrays[name].ndim or len(arrays[name]) != len(windows):
            raise _unlike(f"{name} of {len(windows)} windows", sorted(arrays))


def _unlike(expected: str, received: object) -> ModelFileError:
    return ModelFileError(
        f"graph and manifest do not go together: expected {expected}. Received: {received!s:.200}. "
        "Export the file again, and do not use this one."
    )
