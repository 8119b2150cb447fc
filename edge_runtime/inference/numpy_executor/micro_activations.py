"""LOGISTIC and TANH of int8 as TensorFlow Lite Micro computes them: in fixed point, not from a table of floats.

Numbers are raw int32 values with a stated number of integer bits: ``value = raw / 2**(31 - bits)``. The kernels have
256 possible inputs, so all are computed once, when a graph is opened.

References
----------
tflite-micro, tensorflow/lite/kernels/internal/reference/integer_ops/logistic.h and tanh.h
gemmlowp, fixedpoint/fixedpoint.h
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from edge_runtime.arrays import IntArray
from edge_runtime.inference.numpy_executor.fixed_point import Array, Multiplier
from edge_runtime.inference.numpy_executor.tflite_reader import Tensor

_INPUT_BITS = 4
_ONE = 2**31 - 1
_QUARTER_BITS = -2


def logistic_table(x: Tensor) -> Array:
    """Return the output for each int8 input, in the order of its bytes; the output's scale is 1/256."""
    return _table(x, _logistic, 8, -128)


def tanh_table(x: Tensor) -> Array:
    """Return the same for TANH, whose output has the scale 1/128."""
    return _table(x, _tanh, 7, 0)


def _table(x: Tensor, function: Callable[[IntArray], IntArray], output_bits: int, zero_point: int) -> Array:
    steps = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64) - x.zero_point
    # Beyond this many steps the scaled input does not fit its integer bits; the kernels do not compute it then.
    radius = math.floor((2**_INPUT_BITS - 1) / 2.0 ** math.frexp(float(x.scale))[1])
    scaled = Multiplier.of(float(x.scale) * 2 ** (31 - _INPUT_BITS)).apply(np.clip(steps, -radius, radius))
    outputs = np.clip(_rounded_shift(function(scaled), 31 - output_bits) + zero_point, -128, 127)
    outputs = np.where(steps <= -radius, -128, np.where(steps >= radius, 127, outputs))
    return outputs.astype(np.int8)


def _logistic(raw: IntArray) -> IntArray:
    positive = _inverse_of_one_plus(_exp_of_negative(-np.abs(raw), _INPUT_BITS))
    return np.where(raw == 0, 1 << 30, np.where(raw > 0, positive, _ONE - positive))


def _tanh(raw: IntArray) -> IntArray:
    # Twice a number is the same raw value with one integer bit more.
    power = _exp_of_negative(-np.abs(raw), _INPUT_BITS + 1)
    size = _saturated_left(_newton_inverse(power) - (1 << 29), 2)
    return np.sign(raw) * size


def _inverse_of_one_plus(x: IntArray) -> IntArray:
    """Return 1 / (1 + x) for x in [0, 1], both without integer bits."""
    return _saturated_left(_newton_inverse(x), 1)


def _newton_inverse(x: IntArray) -> IntArray:
    """Return 2 / (1 + x) with two integer bits: Newton's method from 48/17 - 32/17 * (1 + x) / 2."""
    half = (x + _ONE + 1) >> 1
    first, slope = (round(value * 2**29) for value in (48 / 17, -32 / 17))
    inverse = first + _times(half, slope)
    for _ in range(3):
        error = (1 << 29) - _times(half, inverse)
        inverse = inverse + _saturated_left(_times(inverse, error), 2)
    return inverse


def _exp_of_negative(raw: IntArray, bits: int) -> IntArray:
    """Return e**x for x <= 0 with so many integer bits: by a series near zero, and a product of known powers."""
    fraction_bits = 31 - bits
    quarter = np.int64(1) << (fraction_bits + _QUARTER_BITS)
    near = (raw & (quarter - 1)) - quarter
    result, rest = _exp_above_minus_quarter(near << bits), near - raw
    for exponent in range(_QUARTER_BITS, bits):
        power = round(math.exp(-(2.0**exponent)) * 2**31)
        bit = np.int64(1) << (fraction_bits + exponent)
        result = np.where(rest & bit, _times(result, power), result)
    return np.where(raw == 0, _ONE, result)


def _exp_above_minus_quarter(raw: IntArray) -> IntArray:
    """Return e**x for x in [-1/4, 0): a Taylor series around -1/8."""
    at_eighth, third = (round(value * 2**31) for value in (math.exp(-1 / 8), 1 / 3))
    x = raw + (1 << 28)
    square = _times(x, x)
    fourth = _rounded_shift(_times(square, square), 2)
    higher = _rounded_shift(_times(fourth + _times(square, x), third) + square, 1)
    return at_eighth + _times(x + higher, at_eighth)


def _times(first: IntArray, second: IntArray | int) -> IntArray:
    """Return the high half of the doubled product, rounded."""
    product = first * second
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    # The division of C truncates.
    return np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))


def _rounded_shift(values: IntArray, bits: int) -> IntArray:
    """Return values / 2**bits, rounded half away from zero."""
    half = 1 << (bits - 1)
    return np.where(values >= 0, (values + half) >> bits, -((-values + half) >> bits))


def _saturated_left(values: IntArray, bits: int) -> IntArray:
    return np.clip(values << bits, -(2**31), 2**31 - 1)
