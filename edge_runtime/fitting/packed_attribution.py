"""An attribution whose matrices are integers of 16 bits times powers of two: half the size, for small chips.

The C library holds the integers, and the file the same numbers in float32, so that both give the same contributions.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_runtime.arrays import FloatArray, IntArray
from edge_runtime.inference.attribution import Attribution

_LARGEST = 32767


def in_16_bits(matrix: FloatArray) -> tuple[IntArray, IntArray]:
    """Return integers and exponents of each column, ``matrix = integers * 2 ** exponents`` but for the rounding.

    Parameters
    ----------
    matrix : ndarray of shape (..., d, m)

    Returns
    -------
    integers : ndarray of shape (..., d, m)
    exponents : ndarray of shape (..., m)

    Examples
    --------
    >>> in_16_bits(np.array([[1.0, 3e4], [-0.3, 5e-5]]))
    (array([[16384, 30000],
           [-4915,     0]]), array([-14,   0]))
    """
    largest = np.abs(matrix.astype(np.float64)).max(axis=-2)
    bits = np.floor(np.log2(_LARGEST / np.where(largest > 0, largest, 1.0))).astype(np.int64)
    return np.rint(np.ldexp(matrix.astype(np.float64), bits[..., None, :])).astype(np.int64), -bits


def pack_attribution(attribution: Attribution) -> Attribution:
    """Return the attribution with rounded matrices; one that treats inputs as independent as it is."""
    if attribution.blame.ndim == 2:
        return attribution
    return replace(attribution, blame=_rounded(attribution.blame), level=_rounded(attribution.level))


def _rounded(matrix: FloatArray) -> FloatArray:
    integers, exponents = in_16_bits(matrix)
    return np.ldexp(integers.astype(np.float32), exponents[..., None, :]).astype(np.float32)
