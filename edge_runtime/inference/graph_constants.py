"""The constants of scaling, head and attribution as a whole-detector graph holds them, by name.

Export builds the graph around them, and `edge_runtime.refitting` puts others of the same shapes in their places.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.inference.attribution import Attribution
from edge_runtime.inference.heads import Head
from edge_runtime.signal.preprocessing import Preprocessing, gain

Constants = Mapping[str, FloatArray]


def graph_constants(preprocessing: Preprocessing, head: Head, attribution: Attribution | None) -> dict[str, FloatArray]:
    """Return every constant that depends on the machine, float32.

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
    constants = {**scaling_constants(preprocessing), **_head_constants(head)}
    return constants if attribution is None else {**constants, **_attribution_constants(attribution)}


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
