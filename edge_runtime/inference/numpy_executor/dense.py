"""FULLY_CONNECTED: float, integer, and float with int8 weights (hybrid).

Integer products are computed by the float matrix product of numpy, which is exact as long as every partial sum
is an integer the float type can hold, and many times faster than numpy's integer product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import IntArray
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.numpy_executor.fixed_point import Array, Multiplier, Rounding, round_away
from edge_runtime.inference.numpy_executor.kernel import Run, bounded, limits, quantized_limits, tensor
from edge_runtime.inference.numpy_executor.tflite_reader import Graph, Operator, Tensor

_ACTIVATION, _KEEP_DIMS, _ASYMMETRIC = 0, 2, 3
_EXACT_FLOAT32 = 1 << 24
_INTEGER_LAYERS = [
    (np.dtype(x), np.dtype(weights)) for x, weights in ((np.int8, np.int8), (np.uint8, np.uint8), (np.int16, np.int8))
]


def fully_connected(operator: Operator, graph: Graph) -> Run:
    """Return ``x @ weights.T + bias`` for the tensors' types."""
    x, weights = tensor(graph, operator, 0), tensor(graph, operator, 1)
    if len(weights.shape) != 2 or weights.shape[1] == 0:
        raise ModelFileError(f"FULLY_CONNECTED expects a weight matrix. Received: shape {weights.shape}.")
    if weights.dtype == np.float32:
        run = _float(operator)
    elif weights.data is None:
        raise ModelFileError("FULLY_CONNECTED expects quantised weights to be constants.")
    elif x.dtype == np.float32:
        run = _hybrid(operator, weights, weights.data)
    else:
        run = _integer(operator, graph, weights, weights.data)
    keep, units = bool(operator.option(_KEEP_DIMS, "B")), weights.shape[0]

    def shaped(x: Array, weights: Array, bias: Array | None = None) -> Array:
        result = run(x.reshape(-1, weights.shape[1]), weights, bias)
        return result.reshape(*x.shape[:-1], units) if keep else result

    return shaped


def batch_matmul(operator: Operator, _: Graph) -> Run:
    """BATCH_MATMUL on floats, either side transposed or not."""
    first, second = (bool(operator.option(field, "B")) for field in (0, 1))

    def run(x: Array, y: Array) -> Array:
        product: Array = (x.swapaxes(-1, -2) if first else x) @ (y.swapaxes(-1, -2) if second else y)
        return product

    return run


def _float(operator: Operator) -> Run:
    bound = bounded(*limits(operator, _ACTIVATION))

    def run(x: Array, weights: Array, bias: Array | None) -> Array:
        product = x @ weights.T
        return bound(product if bias is None else product + bias)

    return run


def _integer(operator: Operator, graph: Graph, weights: Tensor, values: Array) -> Run:
    x, output = tensor(graph, operator, 0), graph.tensors[operator.output]
    if (x.dtype, weights.dtype) not in _INTEGER_LAYERS or output.dtype != x.dtype:
        raise ModelFileError(
            f"FULLY_CONNECTED of {x.dtype} and {weights.dtype} to {output.dtype} is not in the numpy executor. Export "
            "with --quantize int8 or float32, or install a TFLite runtime (`saelite doctor` says which)."
        )
    factors = _factors(x, weights, output, graph.dense_rounding)
    multiplier = Multiplier.of(factors, _rounding(operator, x, graph.dense_rounding))
    low, high = quantized_limits(output, *limits(operator, _ACTIVATION))
    # Widened before the zero point is subtracted: int8 would wrap around.
    matrix = (values.astype(np.int64) - _per_row(weights.zero_points)).T
    exact = _exact_dtype(x, matrix)
    factor, x_zero, zero_point, dtype = matrix.astype(exact), exact(x.zero_point), output.zero_point, output.dtype

    def run(x: Array, _: Array, bias: Array | None) -> Array:
        sums = ((x.astype(exact) - x_zero) @ factor).astype(np.int64)
        sums = sums if bias is None else sums + bias
        return np.clip(multiplier.apply(sums) + zero_point, low, high).astype(dtype)

    return run


def _rounding(operator: Operator, x: Tensor, rounding: Rounding) -> Rounding:
    """Return how sums are rounded: those of int16 layers may be wider, and then round in a third way."""
    if rounding is Rounding.ONCE or x.dtype != np.int16:
        return rounding
    has_bias = len(operator.inputs) > 2 and operator.inputs[2] >= 0
    return Rounding.HALF_FRACTION if has_bias or rounding is Rounding.MICRO else rounding


def _exact_dtype(x: Tensor, matrix: IntArray) -> type[Any]:
    reach = 2 * int(np.iinfo(x.dtype).max) + 1
    largest_sum = reach * int(np.abs(matrix).sum(axis=0).max(initial=0))
    return np.float32 if largest_sum < _EXACT_FLOAT32 else np.float64


def _factors(x: Tensor, weights: Tensor, output: Tensor, rounding: Rounding) -> npt.NDArray[np.float64]:
    _check_scales(weights)
    if not output.scale:
        raise ModelFileError(f"tensor {output.name!r} has the scale 0.")
    # tflite-runtime's kernels multiply in float32 where there is one scale; all others in float64.
    dtype = np.float32 if rounding is Rounding.TWICE and len(weights.scales) == 1 else np.float64
    product: Array = weights.scales.astype(dtype) * np.asarray(x.scale, dtype)
    return product.astype(np.float64) / float(output.scale)


def _check_scales(weights: Tensor) -> None:
    if len(weights.scales) not in (1, weights.shape[0]):
        raise ModelFileError(f"tensor {weights.name!r} has {len(weights.scales)} scales for {weights.shape[0]} rows.")


def _per_row(zero_points: IntArray) -> IntArray:
    return zero_points[:, None] if len(zero_points) > 1 else zero_points[:1]


def _hybrid(operator: Operator, weights: Tensor, values: Array) -> Run:
    """Quantise the inputs to int8 row by row; the scales turn the sums back into floats."""
    _check_scales(weights)
    bound = bounded(*limits(operator, _ACTIVATION))
    quantize = _asymmetric if operator.option(_ASYMMETRIC, "B") else _symmetric
    factor, scales = values.T.astype(np.float64), weights.scales

    def run(x: Array, _: Array, bias: Array | None) -> Array:
        steps, row_scale, zero_point = quantize(x)
        sums = ((steps - zero_point).astype(np.float64) @ factor).astype(np.float32)
        product = sums * (row_scale * scales)
        return bound(product if bias is None else product + bias)

    return run


def _symmetric(x: Array) -> tuple[Array, Array, Array]:
    reach = np.abs(x).max(axis=1, keepdims=True)
    used = np.where(reach > 0, reach, np.float32(1))
    steps = np.clip(round_away(x * (np.float32(127) / used)), -127, 127)
    return steps, used / np.float32(127), np.zeros_like(reach)


def _asymmetric(x: Array) -> tuple[Array, Array, Array]:
    low, high = (np.float64(extreme) for extreme in _zero_in_range(x))
    scale = np.where(high > low, (high - low) / 255.0, 1.0)
    # The nearer end decides, as its error is the smaller one.
    from_low, from_high = -128 - low / scale, 127 - high / scale
    nearer = 128 + np.abs(low / scale) < 127 + np.abs(high / scale)
    zero_point = np.clip(round_away(np.where(nearer, from_low, from_high)), -128, 127)
    zero_point = np.where(high > low, zero_point, 0.0).astype(np.float32)
    scale = scale.astype(np.float32)
    return np.clip(round_away(x / scale + zero_point), -128, 127), scale, zero_point


def _zero_in_range(x: Array) -> tuple[Array, Array]:
    return np.minimum(x.min(axis=1, keepdims=True), 0), np.maximum(x.max(axis=1, keepdims=True), 0)
