"""Ops that move values, or reduce an axis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_runtime.errors import ModelFileError
from edge_runtime.inference.numpy_executor.fixed_point import Array
from edge_runtime.inference.numpy_executor.kernel import Prepare, Run, bounded, constant, limits, tensor
from edge_runtime.inference.numpy_executor.tflite_reader import Graph, Operator


def _axes(graph: Graph, operator: Operator, number: int) -> tuple[int, ...]:
    return tuple(int(axis) for axis in constant(graph, operator, number).reshape(-1))


def reshape(operator: Operator, graph: Graph) -> Run:
    """RESHAPE to a constant shape, given as an input or an option; -1 stands for what is left."""
    if len(operator.inputs) > 1:
        shape = _axes(graph, operator, 1)
    else:
        shape = tuple(operator.options.numbers(0, "i").tolist()) if operator.options else ()
    return lambda x, *_: x.reshape(shape)


def squeeze(operator: Operator, _: Graph) -> Run:
    """SQUEEZE."""
    axes = tuple(operator.options.numbers(0, "i").tolist()) if operator.options else ()
    return lambda x: x.squeeze(axis=axes or None)


def expand_dims(operator: Operator, graph: Graph) -> Run:
    """EXPAND_DIMS."""
    axes = _axes(graph, operator, 1)
    return lambda x, _: np.expand_dims(x, axes)


def transpose(operator: Operator, graph: Graph) -> Run:
    """TRANSPOSE."""
    order = _axes(graph, operator, 1)
    return lambda x, _: x.transpose(order)


def concatenation(operator: Operator, graph: Graph) -> Run:
    """CONCATENATION; the reference wants equal scales of int8 inputs, so values are copied."""
    axis, bound = operator.option(0, "i"), bounded(*limits(operator, 1))
    inputs = [tensor(graph, operator, number) for number in range(len(operator.inputs))]
    output = graph.tensors[operator.output]
    if output.scales.size and any((entry.scale, entry.zero_point) != (output.scale, output.zero_point)
                                  for entry in inputs):  # fmt: skip
        raise ModelFileError("CONCATENATION of tensors with different scales: the numpy executor expects equal ones.")
    return lambda *arrays: bound(np.concatenate(arrays, axis=axis))


def reduction(function: Callable[..., Array]) -> Prepare:
    """Return the kernel of a float reduction over constant axes."""

    def prepare(operator: Operator, graph: Graph) -> Run:
        x, axes, keep = tensor(graph, operator, 0), _axes(graph, operator, 1), bool(operator.option(0, "B"))
        if x.dtype != np.float32:
            raise ModelFileError(f"op {operator.code} on {x.dtype}: the numpy executor has it for float32.")
        return lambda x, _: function(x, axis=axes, keepdims=keep)

    return prepare


def slice_(operator: Operator, graph: Graph) -> Run:
    """SLICE; a size of -1 reaches to the end."""
    begin, size = _axes(graph, operator, 1), _axes(graph, operator, 2)
    if min(begin, default=0) < 0:
        raise ModelFileError(f"SLICE expects starts of at least 0. Received: {begin}.")
    where = tuple(slice(start, None if n < 0 else start + n) for start, n in zip(begin, size, strict=True))
    return lambda x, *_: x[where]


def strided_slice(operator: Operator, graph: Graph) -> Run:
    """STRIDED_SLICE with constant bounds and the begin, end and shrink masks."""
    begin, end, stride = (_axes(graph, operator, number) for number in (1, 2, 3))
    begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_mask = (operator.option(n, "i") for n in range(5))
    if ellipsis_mask or new_axis_mask:
        raise ModelFileError("STRIDED_SLICE with an ellipsis or a new axis is not in the numpy executor.")
    where: list[slice | int] = []
    for axis, (start, stop, step) in enumerate(zip(begin, end, stride, strict=True)):
        bit = 1 << axis
        part = slice(None if begin_mask & bit else start, None if end_mask & bit else stop, step)
        where.append(start if shrink_mask & bit else part)
    return lambda x, *_: x[tuple(where)]


def top_k(operator: Operator, graph: Graph) -> Run:
    """TOPK_V2: the largest values of the last axis, falling."""
    k = int(constant(graph, operator, 1).reshape(-1)[0])
    return lambda x, _: np.sort(x, axis=-1)[..., ::-1][..., :k]


def shape(operator: Operator, graph: Graph) -> Run:
    """SHAPE."""
    dtype = graph.tensors[operator.output].dtype
    return lambda x: np.asarray(x.shape, dtype)
