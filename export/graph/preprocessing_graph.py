"""The preprocessing as ops of the graph: the formulas of `edge_runtime.signal.features`, constant for constant."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.signal.features import POWER_FLOOR, slope_weights
from edge_runtime.signal.preprocessing import UNLIMITED, Preprocessing
from export.graph import ops
from export.graph.writer import GraphTensor, Named

SCALING_SCOPE = "scaling"
"""Scope of these ops, which stay float."""

_STATISTICS: dict[str, Callable[[GraphTensor], GraphTensor]] = {
    "mean": lambda x: ops.reduce("MEAN", x, 1, keep=True),
    "std": lambda x: ops.sqrt(
        ops.reduce("MEAN", ops.squared_difference(x, ops.reduce("MEAN", x, 1, keep=True)), 1, keep=True)
    ),
    "min": lambda x: ops.reduce("REDUCE_MIN", x, 1, keep=True),
    "max": lambda x: ops.reduce("REDUCE_MAX", x, 1, keep=True),
}


def network_inputs(window: GraphTensor, preprocessing: Preprocessing, constants: Mapping[str, Named]) -> GraphTensor:
    """Return the network's inputs, shape (n, inputs), of raw windows of shape (n, window, sensors).

    Parameters
    ----------
    constants : mapping of str to Named
        See `edge_runtime.inference.graph_constants.scaling_constants`.
    """
    with window.graph.scope(SCALING_SCOPE):
        x = window
        if preprocessing.scaling != "none":
            x = ops.multiply(ops.subtract(x, constants["center"]), constants["gain"])
        x = _limited(x, preprocessing)
        if preprocessing.features != ("values",):
            x = ops.concatenate([_feature(name, x, preprocessing) for name in preprocessing.features])
        inputs = ops.reshape(x, preprocessing.inputs)
        if preprocessing.feature_scale:
            inputs = ops.multiply(ops.subtract(inputs, constants["feature_center"]), constants["feature_gain"])
            inputs = _limited(inputs, preprocessing)
        return inputs


def _limited(values: GraphTensor, preprocessing: Preprocessing) -> GraphTensor:
    if preprocessing.limit >= UNLIMITED:
        return values
    return ops.maximum(ops.minimum(values, preprocessing.limit), -preprocessing.limit)


def _feature(name: str, x: GraphTensor, preprocessing: Preprocessing) -> GraphTensor:
    """Return one feature, shape (n, rows, sensors), of scaled windows."""
    if name == "values":
        return x
    if name in _STATISTICS:
        return _STATISTICS[name](x)
    if name == "slope":
        return _by_sensor(x, preprocessing, lambda rows: ops.dense(rows, slope_weights(preprocessing.window).T))
    return _by_sensor(x, preprocessing, lambda rows: _log_power(rows, *preprocessing.spectra[name]))


def _log_power(rows: GraphTensor, dft: FloatArray, weights: FloatArray) -> GraphTensor:
    bins = len(dft) // 2
    squares = ops.square(ops.dense(rows, dft.T))
    power = ops.add(ops.columns(squares, 0, bins), ops.columns(squares, bins, bins))
    return ops.log(ops.dense(power, weights.T, np.full(len(weights), POWER_FLOOR, np.float32)))


def _by_sensor(
    x: GraphTensor, preprocessing: Preprocessing, function: Callable[[GraphTensor], GraphTensor]
) -> GraphTensor:
    """Apply a function to rows (n * sensors, window): one large product instead of many small ones."""
    result = function(ops.reshape(ops.swap_last_two(x), preprocessing.window))
    return ops.swap_last_two(ops.reshape(result, preprocessing.sensors, result.shape[1]))
