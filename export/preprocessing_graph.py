"""The preprocessing as ops of the graph: the formulas of `edge_runtime.signal.features`, constant for constant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from edge_runtime.arrays import FloatArray
from edge_runtime.inference.graph_constants import Constants
from edge_runtime.signal.features import POWER_FLOOR, slope_weights
from edge_runtime.signal.preprocessing import UNLIMITED, Preprocessing

SCALING_SCOPE = "scaling"
"""Name scope of these ops, which stay float."""

_STATISTICS: dict[str, Callable[[Any], Any]] = {
    "mean": lambda x: tf.reduce_mean(x, axis=1, keepdims=True),
    "std": lambda x: tf.sqrt(tf.reduce_mean(tf.square(x - tf.reduce_mean(x, axis=1, keepdims=True)), 1, keepdims=True)),
    "min": lambda x: tf.reduce_min(x, axis=1, keepdims=True),
    "max": lambda x: tf.reduce_max(x, axis=1, keepdims=True),
}


def network_inputs(window: tf.Tensor, preprocessing: Preprocessing, constants: Constants) -> tf.Tensor:
    """Return the network's inputs, shape (n, inputs), of raw windows of shape (n, window, sensors).

    Parameters
    ----------
    constants : mapping of str to ndarray
        See `edge_runtime.inference.graph_constants.scaling_constants`.
    """
    with tf.name_scope(f"{SCALING_SCOPE}/"):
        x = window
        if preprocessing.scaling != "none":
            x = (x - constants["center"]) * constants["gain"]
        x = _limited(x, preprocessing)
        if preprocessing.features != ("values",):
            x = tf.concat([_feature(name, x, preprocessing) for name in preprocessing.features], axis=1)
        inputs = tf.reshape(x, (-1, preprocessing.inputs))
        if preprocessing.feature_scale:
            inputs = (inputs - constants["feature_center"]) * constants["feature_gain"]
            inputs = _limited(inputs, preprocessing)
        return inputs


def _limited(values: tf.Tensor, preprocessing: Preprocessing) -> tf.Tensor:
    if preprocessing.limit >= UNLIMITED:
        return values
    return tf.clip_by_value(values, -preprocessing.limit, preprocessing.limit)


def _feature(name: str, x: tf.Tensor, preprocessing: Preprocessing) -> tf.Tensor:
    """Return one feature, shape (n, rows, sensors), of scaled windows."""
    if name == "values":
        return x
    if name in _STATISTICS:
        return _STATISTICS[name](x)
    if name == "slope":
        return _by_sensor(x, preprocessing, lambda rows: tf.matmul(rows, slope_weights(preprocessing.window).T))
    return _by_sensor(x, preprocessing, lambda rows: _log_power(rows, *preprocessing.spectra[name]))


def _log_power(rows: tf.Tensor, dft: FloatArray, weights: FloatArray) -> tf.Tensor:
    bins = len(dft) // 2
    squares = tf.square(tf.matmul(rows, dft.T))
    return tf.math.log(tf.matmul(squares[:, :bins] + squares[:, bins:], weights.T) + np.float32(POWER_FLOOR))


def _by_sensor(x: tf.Tensor, preprocessing: Preprocessing, function: Callable[[Any], Any]) -> tf.Tensor:
    """Apply a function to rows (n * sensors, window): one large product instead of many small ones."""
    result = function(tf.reshape(tf.transpose(x, (0, 2, 1)), (-1, preprocessing.window)))
    return tf.transpose(tf.reshape(result, (-1, preprocessing.sensors, result.shape[1])), (0, 2, 1))
