"""LOGISTIC and TANH on int16: straight lines between 256 values of the sigmoid, as the reference kernels draw them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from edge_runtime.arrays import IntArray
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.numpy_executor.fixed_point import Array
from edge_runtime.inference.numpy_executor.tflite_reader import Tensor

# The table's steps are 1/24 apart; its input has 3 * 4096 steps to 1.
_TABLE_STEPS_PER_UNIT, _INPUT_STEPS_PER_UNIT = 24, 3 * 4096
_LAST = 255
_OUTPUT_SCALE = 2.0**-15
_MOST_SHIFTS = 31


@cache
def _table() -> IntArray:
    """Return ``sigmoid(i / 24)`` in 16 bits, shape (256,).

    The kernels' values lie a sixteenth of the second difference above the curve, half as far as a line between two
    of its points lies below it: so the line's error is as large above the curve as below. The last is the largest.
    """
    curve = 65536.0 / (1.0 + np.exp(-np.arange(-1, _LAST + 1) / _TABLE_STEPS_PER_UNIT))
    lifted = np.floor(curve[1:-1] - np.diff(curve, 2) / 16.0 + 0.5)
    return np.append(lifted, 0xFFFF).astype(np.int64)


def int16_logistic(x: Tensor, output: Tensor) -> Callable[[Array], Array]:
    """Return the sigmoid on int16, its output in steps of 2**-15.

    Raises
    ------
    ModelFileError
        If the tensors' scale and zero points are not those that the kernels demand.
    """
    to_table = _input_of_table(x, output, "LOGISTIC")

    def run(values: Array) -> Array:
        steps = to_table(values)
        result = _interpolated(np.abs(steps), bits=9)
        result = np.where(steps >= 0, result + (1 << 9), (1 << 25) - result + (1 << 9) - 1) >> 10
        return result.astype(np.int16)

    return run


def int16_tanh(x: Tensor, output: Tensor) -> Callable[[Array], Array]:
    """Return ``tanh(x) = 2 * sigmoid(2 * x) - 1`` on int16; see `int16_logistic`."""
    to_table = _input_of_table(x, output, "TANH")

    def run(values: Array) -> Array:
        steps = to_table(values)
        result = _interpolated(np.abs(steps), bits=8)
        result = np.where(steps >= 0, result - (1 << 23) + (1 << 7), (1 << 23) - result + (1 << 7) - 1) >> 8
        return result.astype(np.int16)

    return run


def _interpolated(steps: IntArray, bits: int) -> IntArray:
    """Return the table at `steps`, of which `bits` lie between two of its values, times ``2**bits``."""
    table, place, part = _table(), steps >> bits, steps & ((1 << bits) - 1)
    first = np.minimum(place, _LAST - 1)
    line = (table[first] << bits) + part * (table[first + 1] - table[first])
    largest = (0x7FFF << 10) if bits == 9 else (0xFFFF << 8)
    return np.asarray(np.where(place >= _LAST, largest, line))


def _input_of_table(x: Tensor, output: Tensor, name: str) -> Callable[[Array], IntArray]:
    """Return the function from int16 values to steps of the table's input."""
    if x.zero_point or output.zero_point or output.dtype != np.int16 or float(output.scale) != _OUTPUT_SCALE:
        raise ModelFileError(
            f"{name} on int16: expected zero points of 0 and an output of int16 with the scale 2**-15. Received: zero "
            f"points {x.zero_point} and {output.zero_point}, {output.dtype} with the scale {float(output.scale):g}."
        )
    multiplier, shift = _multiplier_and_shift(float(x.scale))
    nudge = (1 << shift) >> 1
    return lambda values: (values.astype(np.int64) * multiplier + nudge) >> shift


def _multiplier_and_shift(scale: float) -> tuple[int, int]:
    """Return the integer, and the shift to the right after it, that bring a scale to that of the table's input.

    >>> _multiplier_and_shift(2.0**-12), _multiplier_and_shift(2.0**-11)
    ((3, 0), (6, 0))
    """
    significand, exponent = math.frexp(scale)
    if significand == 0.5 and exponent - 1 in (-12, -11):
        return 3 << (exponent + 11), 0
    multiplier, shift = scale * _INPUT_STEPS_PER_UNIT, 0
    while multiplier <= 32767.0 / 2.0 and shift < _MOST_SHIFTS:
        multiplier, shift = multiplier * 2.0, shift + 1
    return int(multiplier), shift
