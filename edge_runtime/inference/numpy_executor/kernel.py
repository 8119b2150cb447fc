"""What every kernel shares: its form, fused activations, saturation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_runtime.errors import ModelFileError
from edge_runtime.inference.numpy_executor.fixed_point import Array, round_away
from edge_runtime.inference.numpy_executor.tflite_reader import Graph, Operator, Tensor

Run = Callable[..., Array]
"""An op made ready: input arrays in, output array out."""
Prepare = Callable[[Operator, Graph], Run]

# ActivationFunctionType of the TFLite schema, as limits of the value.
_LIMITS: dict[int, tuple[float, float]] = {0: (-np.inf, np.inf), 1: (0.0, np.inf), 2: (-1.0, 1.0), 3: (0.0, 6.0)}


def tensor(graph: Graph, operator: Operator, number: int) -> Tensor:
    """Return an op's input tensor."""
    if number >= len(operator.inputs) or operator.inputs[number] < 0:
        raise ModelFileError(f"op {operator.code} lacks its input {number}. Received: {operator.inputs}.")
    return graph.tensors[operator.inputs[number]]


def constant(graph: Graph, operator: Operator, number: int) -> Array:
    """Return the value of an input that must be a constant."""
    found = tensor(graph, operator, number)
    if found.data is None:
        raise ModelFileError(f"op {operator.code}: the numpy executor expects {found.name!r} to be a constant.")
    return found.data


def limits(operator: Operator, field: int) -> tuple[float, float]:
    """Return the limits that the op's fused activation sets."""
    activation = operator.option(field, "b")
    if activation not in _LIMITS:
        raise ModelFileError(f"op {operator.code} has the fused activation {activation}, expected ReLU or none.")
    return _LIMITS[activation]


def bounded(low: float, high: float) -> Callable[[Array], Array]:
    """Return the function that limits float values, the identity where there is no limit."""
    if (low, high) == (-np.inf, np.inf):
        return lambda values: values
    return lambda values: np.clip(values, np.float32(low), np.float32(high))


def quantized_limits(output: Tensor, low: float, high: float) -> tuple[int, int]:
    """Return the same limits in steps of a quantised output, within its type."""
    type_range = np.iinfo(output.dtype)
    steps = [
        int(output.zero_point + round_away(np.asarray(np.float32(limit) / output.scale)))
        if np.isfinite(limit)
        else int(default)
        for limit, default in ((low, type_range.min), (high, type_range.max))
    ]
    return max(steps[0], int(type_range.min)), min(steps[1], int(type_range.max))


def saturate(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return values cast to an integer type, those outside at its ends."""
    type_range = np.iinfo(dtype)
    return np.clip(values, type_range.min, type_range.max).astype(dtype)
