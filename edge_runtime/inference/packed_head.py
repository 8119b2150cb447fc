"""A scoring head in integers, an eighth to a quarter of the size: the form for small chips, that of the C library.

With the precision matrix ``P = L L'`` by Cholesky, in a unit u of each variable, the squared Mahalanobis distance is
``|u L|²``, and L is triangular::

    u = clip(round((z - mean) * gain))                        at most 16 bits
    w_j = round(sum(u_i * factor_ij, i >= j) / 2 ** shift_j)  at most 32 bits, in C also the sum
    score = min_k sum((w_j - center_kj) ** 2) * unit          a sum of at most 63 bits

Everything between the two roundings is integers, so that all processors give the same score. Each column of L has a
power of two of its own as scale. `edge_runtime.fitting.packing` takes powers of two as gains, and eight bits for some
columns, which then take half as much in C (figures in docs/benchmarks/cortex-m.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray, IntArray, NumberArray
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.heads import PREFIX, Head, ScoringHead

LARGEST = 32767
"""Of a deviation, an element of the factor or of a centre; -32768 does not occur, so two products fit in 32 bits."""
_MOST_SHIFT = 40
_HALF = LARGEST + 1
_UPWARDS = np.float32(_HALF + 0.5)
_ARRAYS = ("mean", "gain", "factor", "shift", "centers")
_UNIT = f"{PREFIX}unit"


@dataclass(frozen=True)
class PackedHead(ScoringHead):
    """A scoring head in integers.

    Parameters
    ----------
    kind : str
        A key of `edge_runtime.inference.heads.PARTS`.
    mean, gain : ndarray of shape (d,) or (K, d), float32
        Of ``z``; two dimensions hold one per mode.
    factor : ndarray of shape (d * (d + 1) / 2,), or (K, ...), int16
        The columns of the triangular factor, each from its diagonal downwards.
    shift : ndarray of shape (d,) or (K, d), int8
        1 to 40.
    unit : float
        What 1 of the sum of squares is worth.
    centers : ndarray of shape (K, d), int16, optional
        Of prototypes that share one factor.
    """

    kind: str
    mean: FloatArray
    gain: FloatArray
    factor: npt.NDArray[np.int16]
    shift: npt.NDArray[np.int8]
    unit: float
    centers: npt.NDArray[np.int16] | None = None

    @property
    def width(self) -> int:
        """See `ScoringHead.width`."""
        return self.mean.shape[-1]

    @property
    def modes(self) -> int:
        """See `ScoringHead.modes`."""
        return len(self.mean) if self.mean.ndim == 2 else 1

    def row_distances(self, rows: FloatArray) -> FloatArray:
        """See `ScoringHead.row_distances`; float32."""
        if self.centers is None:
            sums = np.stack([np.square(self._whitened(rows, mode)).sum(axis=1) for mode in range(self.modes)], axis=1)
        else:
            whitened, centers = self._whitened(rows, 0), self.centers.astype(np.int64)
            # |w - c|² written out; a float64 holds the products exactly, see `problem_of`.
            mixed = (whitened.astype(np.float64) @ centers.T.astype(np.float64)).astype(np.int64)
            sums = np.square(whitened).sum(axis=1, keepdims=True) - 2 * mixed + np.square(centers).sum(axis=1)
        return np.asarray(sums.astype(np.float32) * np.float32(self.unit))

    def scaled(self, factor: float) -> PackedHead:
        """See `ScoringHead.scaled`; no integer changes."""
        return replace(self, unit=float(np.float32(self.unit * factor)))

    def arrays(self) -> dict[str, NumberArray]:
        """See `ScoringHead.arrays`."""
        named = {f"{PREFIX}{name}": value for name in _ARRAYS if (value := getattr(self, name)) is not None}
        return {**named, _UNIT: np.array([self.unit], np.float32)}

    def unpacked(self) -> Head:
        """See `ScoringHead.unpacked`."""
        root = np.sqrt(self.unit)
        steps = np.ldexp(root, -self._per_mode(self.shift).astype(np.int64))
        whitening = self._per_mode(self.gain)[:, :, None] * self._factors * steps[:, None]
        if self.kind != "modes":
            centers = None if self.centers is None else _float32(self.centers * root)
            return Head(self.kind, self.mean, _float32(whitening[0]), centers)
        centers = np.einsum("kd,kdm->km", self.mean - self.mean[:1], whitening)
        return Head(self.kind, self.mean[0], _float32(whitening), _float32(centers))

    @classmethod
    def from_arrays(cls, kind: str, arrays: Mapping[str, NumberArray]) -> PackedHead:
        """Return the head stored in `arrays`; they must have been checked."""
        types = {"factor": np.int16, "shift": np.int8, "centers": np.int16}
        found: dict[str, Any] = {
            name: np.asarray(arrays[f"{PREFIX}{name}"], types.get(name, np.float32))
            for name in _ARRAYS
            if f"{PREFIX}{name}" in arrays
        }
        return cls(kind, unit=float(arrays[_UNIT][0]), **found)

    def column_sums(self) -> FloatArray:
        """Return the sum of each column's absolute values, shape (modes, d): times `LARGEST`, the largest sum."""
        return np.asarray(np.abs(self._factors).sum(axis=1))

    def problem(self) -> str:
        """Return what of the integers would overflow, at any reading; empty if nothing can.

        The C library adds in these types without a look, so a file is refused before.
        """
        shift = self._per_mode(self.shift).astype(np.int64)
        if not ((shift >= 1) & (shift <= _MOST_SHIFT)).all():
            return f"shifts from {shift.min()} to {shift.max()}"
        # At most 2 ** 30 for each variable: far from 63 bits.
        sums = LARGEST * self.column_sums()
        far = 0 if self.centers is None else LARGEST
        most = (np.ldexp(sums, -shift) + 1 + far).max(axis=0)
        if most.max() >= 2.0**31:
            return f"whitened values up to {most.max():.3g}"
        if np.square(most).sum() >= 2.0**62:
            return f"sums of squares up to {np.square(most).sum():.3g}"
        return f"products up to {most.sum() * far:.3g}" if most.sum() * far >= 2.0**53 else ""

    def _whitened(self, rows: FloatArray, mode: int) -> IntArray:
        """Return ``w`` of rows, shape (n, d)."""
        shift = self._per_mode(self.shift)[mode].astype(np.int64)
        steps = self._steps(rows, mode)
        # A float64 holds sums of integers below 2 ** 53 exactly, in any order.
        sums = (steps.astype(np.float64) @ self._factors[mode]).astype(np.int64)
        return np.asarray((sums + (1 << (shift - 1))) >> shift)

    def _steps(self, rows: FloatArray, mode: int) -> FloatArray:
        """Return ``u`` of rows, shape (n, d): rounded, and NaN to the largest.

        As in C, where a conversion to integers cuts off the fraction, and what is positive is thus rounded down.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            steps = (rows.astype(np.float32) - self._per_mode(self.mean)[mode]) * self._per_mode(self.gain)[mode]
        within = np.where(steps < LARGEST, np.maximum(steps, -LARGEST), np.float32(LARGEST))
        return np.asarray(np.trunc(within + _UPWARDS) - np.float32(_HALF))

    @cached_property
    def _factors(self) -> npt.NDArray[np.float64]:
        """The triangular factors, shape (modes, d, d)."""
        column, row = np.triu_indices(self.width)
        factors = np.zeros((self.modes, self.width, self.width))
        factors[:, row, column] = self.factor
        return factors

    def _per_mode(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values.reshape(self.modes, self.width)


def read_head(kind: str, arrays: Mapping[str, NumberArray]) -> ScoringHead:
    """Return the head stored in a file's arrays, in whichever form.

    Raises
    ------
    ModelFileError
        If an array is missing.
    """
    if f"{PREFIX}factor" not in arrays:
        return Head.from_arrays(kind, arrays)
    required = {f"{PREFIX}{name}" for name in _ARRAYS[:-1]} | {_UNIT}
    if missing := sorted(required - set(arrays)):
        raise ModelFileError(f"the file lacks the head's {' and '.join(missing)}. Export it again.")
    return PackedHead.from_arrays(kind, arrays)


def _float32(values: npt.NDArray[Any]) -> FloatArray:
    return np.ascontiguousarray(values, np.float32)
