"""The ops that detectors are made of, each a function of tensors; arrays and numbers among them become constants.

Named constants in float16 are widened before they are used: a runtime does so once, when it opens the graph.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.model_file.patching import TRANSPOSED
from export.graph.writer import GraphTensor, GraphWriter, Named, Shape

Operand = GraphTensor | Named | npt.NDArray[np.float32] | float

NO_ACTIVATION, RELU, RELU6 = (getattr(schema.ActivationFunctionType, name) for name in ("NONE", "RELU", "RELU6"))
"""Activations that are part of another op."""


def dense(x: GraphTensor, kernel: Operand, bias: Operand | None = None, activation: int = NO_ACTIVATION) -> GraphTensor:
    """Return ``x @ kernel + bias`` for rows x, shape (n, units); the kernel is stored transposed.

    Parameters
    ----------
    x : GraphTensor of shape (n, inputs)
    kernel : of shape (inputs, units)
    bias : of shape (units,), optional
    activation : int
        `RELU`, `RELU6` or `NO_ACTIVATION`.
    """
    if isinstance(kernel, Named):
        stored: Operand = Named(f"{kernel.name}{TRANSPOSED}", np.ascontiguousarray(kernel.values.T))
    else:
        stored = np.ascontiguousarray(np.asarray(kernel).T)
    weights = _tensor(x.graph, stored)
    offsets = None if bias is None else _tensor(x.graph, bias)
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = activation
    return x.graph.op("FULLY_CONNECTED", [x, weights, offsets], (x.shape[0], weights.shape[0]), options=options)


def add(x: Operand, y: Operand, activation: int = NO_ACTIVATION) -> GraphTensor:
    """Return ``x + y``, broadcast, and its rectifier if that is asked for."""
    options = schema.AddOptionsT()
    options.fusedActivationFunction = activation
    return _binary("ADD", x, y, options)


def subtract(x: Operand, y: Operand) -> GraphTensor:
    """Return ``x - y``, broadcast."""
    return _binary("SUB", x, y, schema.SubOptionsT())


def multiply(x: Operand, y: Operand) -> GraphTensor:
    """Return ``x * y``, broadcast."""
    return _binary("MUL", x, y, schema.MulOptionsT())


def divide(x: Operand, y: Operand) -> GraphTensor:
    """Return ``x / y``, broadcast."""
    return _binary("DIV", x, y, schema.DivOptionsT())


def minimum(x: Operand, y: Operand) -> GraphTensor:
    """Return the smaller of each pair, broadcast."""
    return _binary("MINIMUM", x, y)


def maximum(x: Operand, y: Operand) -> GraphTensor:
    """Return the larger of each pair, broadcast."""
    return _binary("MAXIMUM", x, y)


def squared_difference(x: Operand, y: Operand) -> GraphTensor:
    """Return ``(x - y)²``, broadcast."""
    return _binary("SQUARED_DIFFERENCE", x, y)


def at_least(x: GraphTensor, y: GraphTensor) -> GraphTensor:
    """Return 1 where ``x >= y``, 0 elsewhere, broadcast."""
    shape = np.broadcast_shapes(x.shape, y.shape)
    return _like("CAST", x.graph.op("GREATER_EQUAL", [x, y], shape, "bool"))


def square(x: GraphTensor) -> GraphTensor:
    """Return ``x²``."""
    return _like("SQUARE", x)


def sqrt(x: GraphTensor) -> GraphTensor:
    """Return the square root."""
    return _like("SQRT", x)


def exp(x: GraphTensor) -> GraphTensor:
    """Return ``e**x``."""
    return _like("EXP", x)


def log(x: GraphTensor) -> GraphTensor:
    """Return the natural logarithm."""
    return _like("LOG", x)


def logistic(x: GraphTensor) -> GraphTensor:
    """Return ``1 / (1 + e**-x)``."""
    return _like("LOGISTIC", x)


def tanh(x: GraphTensor) -> GraphTensor:
    """Return the hyperbolic tangent."""
    return _like("TANH", x)


def relu(x: GraphTensor) -> GraphTensor:
    """Return ``max(x, 0)``."""
    return _like("RELU", x)


def elu(x: GraphTensor) -> GraphTensor:
    """Return x where it is positive, ``e**x - 1`` elsewhere."""
    return _like("ELU", x)


def leaky_relu(x: GraphTensor, slope: float) -> GraphTensor:
    """Return x where it is positive, ``slope * x`` elsewhere."""
    options = schema.LeakyReluOptionsT()
    options.alpha = slope
    return x.graph.op("LEAKY_RELU", [x], x.shape, options=options)


def reduce(kind: str, x: GraphTensor, *axes: int, keep: bool = False) -> GraphTensor:
    """Return a reduction over some axes, which stay with the size 1 if they are kept.

    Parameters
    ----------
    kind : str
        ``SUM``, ``MEAN``, ``REDUCE_MIN`` or ``REDUCE_MAX``.
    """
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape) if keep or axis not in axes)
    options = schema.ReducerOptionsT()
    options.keepDims = keep
    return x.graph.op(kind, [x, _integers(x.graph, axes)], shape, options=options)


def reshape(x: GraphTensor, *sizes: int) -> GraphTensor:
    """Return the values as rows of these sizes, as many as there are."""
    rows = math.prod(x.shape) // math.prod(sizes)
    return x.graph.op("RESHAPE", [x, _integers(x.graph, (-1, *sizes))], (rows, *sizes))


def swap_last_two(x: GraphTensor) -> GraphTensor:
    """Return x of shape (n, a, b) as (n, b, a)."""
    n, a, b = x.shape
    return x.graph.op("TRANSPOSE", [x, _integers(x.graph, (0, 2, 1))], (n, b, a))


def columns(x: GraphTensor, start: int, count: int) -> GraphTensor:
    """Return some columns of rows x."""
    where = [_integers(x.graph, one) for one in ((0, start), (0, start + count), (1, 1))]
    options = schema.StridedSliceOptionsT()
    # All rows. SLICE would hold a fixed batch to the declared one, of which the quantiser has more.
    options.beginMask = options.endMask = 1
    return x.graph.op("STRIDED_SLICE", [x, *where], (x.shape[0], count), options=options)


def concatenate(tensors: Sequence[GraphTensor]) -> GraphTensor:
    """Return tensors joined along their second axis; a single one as it is."""
    first, *others = tensors
    if not others:
        return first
    options = schema.ConcatenationOptionsT()
    options.axis = 1
    shape = (first.shape[0], sum(one.shape[1] for one in tensors), *first.shape[2:])
    return first.graph.op("CONCATENATION", tensors, shape, options=options)


def largest(x: GraphTensor, count: int) -> GraphTensor:
    """Return the largest values of each row, falling, shape (n, count)."""
    k = x.graph.constant(np.array(count, np.int32))
    return x.graph.op("TOPK_V2", [x, k], (x.shape[0], count), unread=["int32"])


def _like(kind: str, x: GraphTensor) -> GraphTensor:
    return x.graph.op(kind, [x], x.shape)


def _binary(kind: str, x: Operand, y: Operand, options: Any = None) -> GraphTensor:
    graph = next(one.graph for one in (x, y) if isinstance(one, GraphTensor))
    inputs = [_tensor(graph, one) for one in (x, y)]
    return graph.op(kind, inputs, np.broadcast_shapes(*(one.shape for one in inputs)), options=options)


def _tensor(graph: GraphWriter, operand: Operand) -> GraphTensor:
    if isinstance(operand, GraphTensor):
        return operand
    if isinstance(operand, Named):
        stored = graph.constant(operand.values, operand.name)
        is_half = operand.values.dtype == np.float16
        return graph.op("DEQUANTIZE", [stored], stored.shape) if is_half else stored
    return graph.constant(np.asarray(operand, np.float32))


def _integers(graph: GraphWriter, values: Shape) -> GraphTensor:
    return graph.constant(np.array(values, np.int32))
