"""Ops that treat every value by itself: arithmetic, activations, quantising and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_runtime.errors import ModelFileError
from edge_runtime.inference.numpy_executor.fixed_point import Array, Multiplier, Rounding, round_away
from edge_runtime.inference.numpy_executor.kernel import (
    Prepare,
    Run,
    bounded,
    limits,
    quantized_limits,
    saturate,
    tensor,
)
from edge_runtime.inference.numpy_executor.tflite_reader import Graph, Operator, Tensor

# TFLite scales both addends up by this before it rounds them to a common scale.
_ADD_LEFT_SHIFT = 20


def unary(
    function: Callable[[Array], Array],
    for_table: Callable[[Array], Array],
    on_int16: Callable[[Tensor, Tensor], Callable[[Array], Array]] | None = None,
    micro_table: Callable[[Tensor], Array] | None = None,
) -> Prepare:
    """Return the kernel of a float function; on int8 it looks its 256 values up, as the reference does.

    `for_table` is the function rounded as C's libm rounds: numpy's own may be a unit in the last place off. `on_int16`
    makes the kernel on int16 of input and output, where there is one; `micro_table` that of TensorFlow Lite Micro on
    int8, where it is another.
    """

    def prepare(operator: Operator, graph: Graph) -> Run:
        x, output = tensor(graph, operator, 0), graph.tensors[operator.output]
        if x.dtype == np.float32:
            return function
        if x.dtype == np.int16 and on_int16 is not None:
            return on_int16(x, output)
        if x.dtype != np.int8:
            raise ModelFileError(f"op {operator.code} on {x.dtype}: the numpy executor has it for float32 and int8.")
        if micro_table is not None and graph.dense_rounding is Rounding.MICRO:
            table = micro_table(x)
        else:
            table = _lookup_table(for_table, x, output)
        return lambda values: table[values.view(np.uint8)]

    return prepare


def _lookup_table(function: Callable[[Array], Array], x: Tensor, output: Tensor) -> Array:
    steps = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float32)
    transformed = function(x.scale * (steps - np.float32(x.zero_point)))
    rescaled = round_away(transformed * (np.float32(1) / output.scale))
    return saturate(rescaled + np.float32(output.zero_point), output.dtype)


def relu(low: float, high: float) -> Prepare:
    """Return the kernel of a rectifier with these limits."""

    def prepare(operator: Operator, graph: Graph) -> Run:
        x, output = tensor(graph, operator, 0), graph.tensors[operator.output]
        if x.dtype == np.float32:
            return bounded(low, high)
        multiplier = Multiplier.of(float(x.scale / output.scale))
        zero_point, out_zero, dtype = x.zero_point, output.zero_point, output.dtype
        first, last = quantized_limits(output, low, high)

        def run(values: Array) -> Array:
            steps = multiplier.apply(values.astype(np.int64) - zero_point) + out_zero
            return np.clip(steps, first, last).astype(dtype)

        return run

    return prepare


def arithmetic(function: Callable[..., Array], activation: int | None = None) -> Prepare:
    """Return the kernel of a float function of two arrays; `activation` is its option's field."""

    def prepare(operator: Operator, graph: Graph) -> Run:
        if tensor(graph, operator, 0).scales.size and tensor(graph, operator, 0).dtype != np.float32:
            raise ModelFileError(f"op {operator.code} on quantised tensors: the numpy executor has it for float32.")
        if activation is None:
            return function
        bound = bounded(*limits(operator, activation))
        return lambda first, second: bound(function(first, second))

    return prepare


def extreme(function: Callable[..., Array]) -> Prepare:
    """Return the kernel of MINIMUM or MAXIMUM, which need no arithmetic on any type."""
    return lambda _operator, _graph: function


def add(sign: int) -> Prepare:
    """Return the kernel of ADD (sign 1) or SUB (sign -1)."""
    function = np.add if sign > 0 else np.subtract

    def prepare(operator: Operator, graph: Graph) -> Run:
        first, second, output = (
            *(tensor(graph, operator, number) for number in (0, 1)),
            graph.tensors[operator.output],
        )
        if not (first.scales.size and first.dtype == np.int8):
            return arithmetic(function, 0)(operator, graph)
        twice = 2.0 * float(max(first.scale, second.scale))
        back = Multiplier.of(twice / float(np.float32(1 << _ADD_LEFT_SHIFT) * output.scale))
        addends = [(Multiplier.of(float(entry.scale) / twice), entry.zero_point) for entry in (first, second)]
        low, high = quantized_limits(output, *limits(operator, 0))

        def run(*arrays: Array) -> Array:
            left, right = (
                multiplier.apply((values.astype(np.int64) - zero_point) << _ADD_LEFT_SHIFT)
                for values, (multiplier, zero_point) in zip(arrays, addends, strict=True)
            )
            return np.clip(back.apply(left + sign * right) + output.zero_point, low, high).astype(output.dtype)

        return run

    return prepare


def multiply(operator: Operator, graph: Graph) -> Run:
    """MUL."""
    first, second, output = (*(tensor(graph, operator, number) for number in (0, 1)), graph.tensors[operator.output])
    if not (first.scales.size and first.dtype == np.int8):
        return arithmetic(np.multiply, 0)(operator, graph)
    multiplier = Multiplier.of(float(first.scale * second.scale / output.scale))
    low, high = quantized_limits(output, *limits(operator, 0))

    def run(left: Array, right: Array) -> Array:
        product = (left.astype(np.int64) - first.zero_point) * (right.astype(np.int64) - second.zero_point)
        return np.clip(multiplier.apply(product) + output.zero_point, low, high).astype(output.dtype)

    return run


def quantize(operator: Operator, graph: Graph) -> Run:
    """QUANTIZE: from float, or from one integer scale to another."""
    x, output = tensor(graph, operator, 0), graph.tensors[operator.output]
    scale, zero_point, dtype = output.scale, np.float32(output.zero_point), output.dtype
    if x.dtype == np.float32:
        ends = np.iinfo(dtype)

        def from_float(values: Array) -> Array:
            # Round, clip, then cast: the other way round wraps around.
            return np.clip(round_away(values / scale) + zero_point, ends.min, ends.max).astype(dtype)

        return from_float
    multiplier, x_zero = Multiplier.of(float(x.scale) / float(scale)), x.zero_point
    return lambda values: saturate(multiplier.apply(values.astype(np.int64) - x_zero) + output.zero_point, dtype)


def dequantize(operator: Operator, graph: Graph) -> Run:
    """DEQUANTIZE: ``(q - zero_point) * scale``, or float16 widened."""
    x = tensor(graph, operator, 0)
    if x.dtype == np.float16:
        return lambda values: values.astype(np.float32)
    # The kernel multiplies in float64.
    scales, zero_points = x.scales.astype(np.float64), x.zero_points
    if len(scales) > 1:
        if not 0 <= x.channel_axis < len(x.shape):
            raise ModelFileError(f"tensor {x.name!r} has scales along axis {x.channel_axis} of {len(x.shape)}.")
        along = tuple(-1 if axis == x.channel_axis else 1 for axis in range(len(x.shape)))
        scales, zero_points = scales.reshape(along), zero_points.reshape(along)
    return lambda values: ((values.astype(np.int64) - zero_points) * scales).astype(np.float32)


def cast(operator: Operator, graph: Graph) -> Run:
    """CAST."""
    dtype = graph.tensors[operator.output].dtype
    return lambda values: values.astype(dtype)


def nearest(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return the function by way of float64: the nearest float32 there is."""
    return lambda x: function(x.astype(np.float64)).astype(np.float32)


def logistic(exp: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return ``1 / (1 + exp(-x))``."""
    one = np.float32(1)
    return lambda x: one / (one + exp(-x))


def elu(expm1: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return ``x`` where positive, ``exp(x) - 1`` elsewhere."""
    return lambda x: np.where(x < 0, expm1(np.minimum(x, 0)), x)


def leaky_relu(operator: Operator, graph: Graph) -> Run:
    """LEAKY_RELU on floats."""
    alpha = np.float32(operator.options.number(0, "f") if operator.options else 0.0)
    return arithmetic(lambda x: np.where(x < 0, x * alpha, x))(operator, graph)
