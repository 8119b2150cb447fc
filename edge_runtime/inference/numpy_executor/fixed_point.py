"""Fixed-point arithmetic of TFLite's integer kernels, bit for bit, on whole arrays.

References
----------
Jacob et al. (2018), Quantization and training of neural networks for efficient integer-arithmetic-only inference.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import IntArray

Array = npt.NDArray[Any]
# Fractions from here on would round to a half fraction of 16 bits.
_FULL_HALF = 0x7FFF0000


class Rounding(enum.Enum):
    """How a product is brought back to int32.

    TFLite's reference kernels round twice: the high half of the doubled product, and the shifted value again,
    half away from zero. The dense layers of LiteRT's reference kernels, and XNNPACK, round once, at the end: one
    result in two thousand is then one step apart. Where TFLite rounds twice, it multiplies the 48-bit sums of int16
    layers by the upper half of the fraction alone, and rounds once. TensorFlow Lite Micro differs from tflite-runtime
    in two details: it multiplies the scales of a layer in float64, and takes all sums of int16 layers for wide ones.
    """

    ONCE = "once"
    TWICE = "twice"
    MICRO = "twice, as TensorFlow Lite Micro"
    HALF_FRACTION = "half fraction"


@dataclass(frozen=True)
class Multiplier:
    """Real factors as int32 fractions and powers of two: ``factor = fraction / 2**31 * 2**(left - right)``.

    Parameters
    ----------
    fraction : ndarray of shape (1,) or (channels,), int64
    left, right : ndarray of the same shape, int64
        Shifts; at most one of the two is above zero.
    rounding : Rounding
    """

    fraction: IntArray
    left: IntArray
    right: IntArray
    rounding: Rounding

    @classmethod
    def of(cls, factors: npt.NDArray[np.float64] | float, rounding: Rounding = Rounding.TWICE) -> Multiplier:
        """Return the nearest fixed-point form of non-negative factors.

        Examples
        --------
        >>> half = Multiplier.of(0.5)
        >>> int(half.fraction[0]) == 2**30, half.apply(np.array([4, 5, -5]))
        (True, array([ 2,  3, -2]))
        >>> Multiplier.of(0.125, Rounding.ONCE).apply(np.array([4, -4])), Multiplier.of(0.125).apply(np.array([4, -4]))
        (array([1, 0]), array([ 1, -1]))
        """
        pairs = [_fraction_and_shift(float(factor)) for factor in np.atleast_1d(factors)]
        fraction, shift = (np.asarray(column, np.int64) for column in zip(*pairs, strict=True))
        return cls(fraction, np.maximum(shift, 0), np.maximum(-shift, 0), rounding)

    def apply(self, values: Array) -> Array:
        """Return values times the factors, rounded to integers; of 32 bits, or 47 where they are rounded once."""
        if self.rounding is Rounding.ONCE:
            return _scaled(values, self.fraction, 31 - self.left + self.right)
        if self.rounding is Rounding.HALF_FRACTION:
            half = np.where(self.fraction < _FULL_HALF, (self.fraction + (1 << 15)) >> 16, (1 << 15) - 1)
            return _scaled(values, half, 15 - self.left + self.right)
        shifted = (values << self.left).astype(np.int32).astype(np.int64) if self.left.any() else values
        # Truncation after adding a nudge of the product's sign is the same as this floor.
        high = (shifted * self.fraction + (1 << 30)) >> 31
        half = (np.int64(1) << self.right) >> 1
        twice: Array = (high + half - ((high < 0) & (half > 0))) >> self.right
        return twice


def _scaled(values: Array, fraction: IntArray, shift: IntArray) -> Array:
    """Return ``values * fraction / 2**shift``, rounded half up.

    >>> _scaled(np.array([2**46 + 1, -3]), np.array([2**30]), np.array([31])).tolist()
    [35184372088833, -1]
    """
    # The upper and the lower bits apart: the product of 47 bits and 31 does not fit 64.
    low_bits = np.minimum(shift, 15)
    lower = (values & ((1 << low_bits) - 1)) * fraction + (np.int64(1) << (shift - 1))
    result: Array = ((values >> low_bits) * fraction + (lower >> low_bits)) >> (shift - low_bits)
    return result


def _fraction_and_shift(factor: float) -> tuple[int, int]:
    if not factor or not math.isfinite(factor):
        return 0, 0
    significand, shift = math.frexp(factor)
    fraction = math.floor(significand * (1 << 31) + 0.5)
    if fraction == 1 << 31:
        fraction, shift = fraction // 2, shift + 1
    return (0, 0) if shift < -31 else (fraction, min(shift, 30))


def round_away(values: Array) -> Array:
    """Round half away from zero, as C's ``round`` does; numpy rounds half to even.

    >>> round_away(np.array([0.5, -2.5, 0.49999997], np.float32))
    array([ 1., -3.,  0.], dtype=float32)
    """
    whole: Array = np.trunc(values)
    rounded: Array = whole + np.copysign(np.abs(values - whole) >= np.float32(0.5), values).astype(values.dtype)
    return rounded
