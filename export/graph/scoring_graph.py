"""Head and attribution as ops of the graph: the formulas of `edge_runtime.inference.heads` and ``.attribution``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edge_runtime.inference.attribution import FLOOR, Attribution
from edge_runtime.inference.heads import Head
from export.graph import ops
from export.graph.writer import GraphTensor, Named

HEAD_SCOPE = "head"
"""Scope of these ops, which stay float."""


def distances(z: GraphTensor, head: Head, constants: Mapping[str, Named]) -> GraphTensor:
    """Return the squared distance from each centre, shape (n, K): the ops of `Head.distances`."""
    if head.whitening.ndim == 1:
        return _squares(ops.multiply(ops.subtract(z, constants["head_mean"]), constants["head_whitening"]))
    if head.centers is not None and head.whitening.ndim == 2:
        return _from_prototypes(ops.dense(z, constants["head_whitening_0"]), constants)
    count = len(head.whitening) if head.whitening.ndim == 3 else 1
    names = [(f"head_whitening_{number}", f"head_shift_{number}") for number in range(count)]
    return ops.concatenate([_squares(ops.dense(z, constants[one], constants[shift])) for one, shift in names])


def _from_prototypes(whitened: GraphTensor, constants: Mapping[str, Named]) -> GraphTensor:
    """Return ``|y - c|²`` for each prototype c, written out: one product instead of n * K differences."""
    products = ops.dense(whitened, constants["head_prototypes"], constants["head_offsets"])
    squares = _squares(ops.add(whitened, constants["head_shift_0"]))
    return ops.add(squares, products, ops.RELU)


def _squares(rows: GraphTensor) -> GraphTensor:
    return ops.reduce("SUM", ops.square(rows), 1, keep=True)


def attributions(  # noqa: PLR0913 - what is attributed, and by which numbers
    inputs: GraphTensor,
    score: GraphTensor,
    distances: GraphTensor,
    sensors: int,
    attribution: Attribution,
    constants: Mapping[str, Named],
) -> dict[str, GraphTensor]:
    """Return what `edge_runtime.inference.attribution` computes, for the nearest mode."""
    modes = len(attribution.mean)
    nearest = ops.at_least(ops.reduce("REDUCE_MIN", distances, 1, keep=True), distances) if modes > 1 else None

    def of_mode(name: str, then: Callable[[GraphTensor], GraphTensor]) -> GraphTensor:
        maps = [(constants[f"{name}_{mode}"], constants[f"{name}_shift_{mode}"]) for mode in range(modes)]
        return _of_mode([then(_mapped(inputs, *one)) for one in maps], nearest)

    ratios = ops.add(of_mode("blame", lambda x: _by_sensor(x, sensors)), FLOOR)
    share = ops.divide(ops.reshape(score, 1), ops.reduce("SUM", ratios, 1, keep=True))
    outputs = {"contributions": ops.multiply(ratios, share)}
    if attribution.gives_levels:
        outputs["expected"] = of_mode("level", lambda x: x)
    return outputs


def _mapped(inputs: GraphTensor, matrix: Named, shift: Named) -> GraphTensor:
    """Return ``inputs @ matrix + shift``; a vector stands for a diagonal matrix."""
    if matrix.values.ndim == 1:
        return ops.add(ops.multiply(inputs, matrix), shift)
    return ops.dense(inputs, matrix, shift)


def _by_sensor(values: GraphTensor, sensors: int) -> GraphTensor:
    """Return the sum of squares over each sensor's inputs, of which sensors vary fastest."""
    return ops.reduce("SUM", ops.reshape(ops.square(values), values.shape[1] // sensors, sensors), 1)


def _of_mode(values: list[GraphTensor], nearest: GraphTensor | None) -> GraphTensor:
    """Return the nearest mode's value, of one value per mode."""
    total, *others = values
    if nearest is None:
        return total
    total = ops.multiply(total, ops.columns(nearest, 0, 1))
    for mode, value in enumerate(others, 1):
        total = ops.add(total, ops.multiply(value, ops.columns(nearest, mode, 1)))
    return total


def nan_unless_finite(window: GraphTensor) -> GraphTensor:
    """Return 0 for each window of finite values, NaN for all others, shape (n,).

    int8 has no NaN: a missing value would become an ordinary code, and the score an ordinary number.
    """
    return ops.reduce("SUM", ops.subtract(window, window), 1, 2)
