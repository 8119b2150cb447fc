"""The constants of scaling, head and attribution as a whole-detector graph holds them, by name.

Export builds the graph around them, and `edge_runtime.refitting` puts others of the same shapes in their places.
Matrices that are most of a file are stored in 16 bits (figures in docs/benchmarks/cortex-m.md), and rounded before
anything is computed from them, so that a graph scores as its head does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.inference.attribution import Attribution
from edge_runtime.inference.heads import Head
from edge_runtime.signal.preprocessing import Preprocessing, gain

Constants = Mapping[str, FloatArray]
# Numbers in a matrix from which on half of its bytes are more than those of the op that widens it.
_WORTH_HALVING = 1024
# Of a column's largest number: what half precision rounds by, unless the number is too small or too large for it.
_PRECISION = 2.0**-11


def graph_constants(
    preprocessing: Preprocessing, head: Head, attribution: Attribution | None, *, halves: bool = False
) -> dict[str, FloatArray]:
    """Return every constant that depends on the machine, float32; large matrices in float16 if `halves`.

    ============================== ======================================================================
    ``center``, ``gain``           of the sensors; not for ``scaling`` none
    ``feature_center``, …          of the features, if there are any
    ``head_mean``, ``head_whitening``  of a head with a diagonal whitening
    ``head_whitening_0``, ``head_shift_0`` …  ``z @ whitening + shift`` is the distance from the centre
    ``head_prototypes``, ``head_offsets``  what turns ``|z @ whitening + shift|²`` into distances from prototypes
    ``blame_0``, ``blame_shift_0`` …  the attribution's affine maps, one per mode
    ``level_0``, ``level_shift_0`` …  those of the expected values
    ============================== ======================================================================
    """
    if halves:
        head = head_in_halves(head)
        attribution = None if attribution is None else attribution_in_halves(attribution)
    constants = {**scaling_constants(preprocessing), **_head_constants(head)}
    if attribution is not None:
        constants |= _attribution_constants(attribution)
    return {name: _narrowest(values) for name, values in constants.items()} if halves else constants


def scaling_constants(preprocessing: Preprocessing) -> dict[str, FloatArray]:
    """Return those of the scaling alone."""
    constants = {}
    if preprocessing.scaling != "none":
        constants = {"center": _float32(preprocessing.center), "gain": gain(preprocessing.scale)}
    if preprocessing.feature_scale:
        constants["feature_center"] = _float32(preprocessing.feature_center)
        constants["feature_gain"] = gain(preprocessing.feature_scale)
    return constants


def _head_constants(head: Head) -> dict[str, FloatArray]:
    if head.whitening.ndim == 1:
        return {"head_mean": head.mean, "head_whitening": head.whitening}
    whitenings = head.whitening if head.whitening.ndim == 3 else head.whitening[None]
    shifts = -head.mean.astype(np.float64) @ whitenings.astype(np.float64)
    if head.centers is not None and head.whitening.ndim == 3:
        shifts -= head.centers
    constants: dict[str, FloatArray] = {}
    for number, (whitening, shift) in enumerate(zip(whitenings, shifts, strict=True)):
        constants |= {f"head_whitening_{number}": whitening, f"head_shift_{number}": _float32(shift)}
    if head.centers is not None and head.whitening.ndim == 2:
        centers = head.centers.astype(np.float64)
        constants["head_prototypes"] = _float32(-2.0 * centers.T)
        constants["head_offsets"] = _float32(np.square(centers).sum(axis=1) - 2.0 * centers @ shifts[0])
    return constants


def _attribution_constants(attribution: Attribution) -> dict[str, FloatArray]:
    constants: dict[str, FloatArray] = {}
    for number, center in enumerate(attribution.mean.astype(np.float64)):
        blame = attribution.blame[number]
        shift = -center * blame if blame.ndim == 1 else -center @ blame
        constants |= {f"blame_{number}": blame, f"blame_shift_{number}": _float32(shift)}
        if attribution.gives_levels:
            level = attribution.level[number]
            constants[f"level_{number}"] = level
            constants[f"level_shift_{number}"] = _float32(-center @ level + attribution.level_bias[number])
    return constants


def _float32(values: npt.ArrayLike) -> npt.NDArray[Any]:
    return np.ascontiguousarray(values, np.float32)


def head_in_halves(head: Head) -> Head:
    """Return the head that a graph with large matrices in float16 scores by."""
    if head.whitening.ndim == 1:
        return head
    centers = head.centers if head.centers is None or head.whitening.ndim == 3 else _half(head.centers.T).T
    return replace(head, whitening=_half(head.whitening), centers=centers)


def attribution_in_halves(attribution: Attribution) -> Attribution:
    """Return the attribution of such a graph."""
    if attribution.blame.ndim == 2:
        return attribution
    return replace(attribution, blame=_half(attribution.blame), level=_half(attribution.level))


def _half(matrices: FloatArray) -> FloatArray:
    """Return matrices of shape (..., d, m) rounded to half precision, each that is large and that it holds."""
    if matrices.size < _WORTH_HALVING:
        return matrices
    flat = matrices.reshape(-1, *matrices.shape[-2:])
    return np.stack([_half_of_one(one) for one in flat]).reshape(matrices.shape)


def _half_of_one(matrix: FloatArray) -> FloatArray:
    if matrix.size < _WORTH_HALVING:
        return matrix
    with np.errstate(over="ignore"):
        rounded = matrix.astype(np.float16).astype(np.float32)
    is_near = np.abs(rounded - matrix) <= _PRECISION * np.abs(matrix).max(axis=0)
    return rounded if is_near.all() else matrix


def _narrowest(values: FloatArray) -> FloatArray:
    """Return a large matrix in float16 if that holds its very numbers."""
    if values.ndim != 2 or values.size < _WORTH_HALVING:
        return values
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if (half == values).all() else values
