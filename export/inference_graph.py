"""The whole detector as one TFLite graph, rebuilt from plain weights.

``window`` (raw sensor units) → scaling → encoder (→ decoder) → head → ``codes``, ``score`` and, where the
head has them, ``contributions``. Nothing of training is left: no penalty, no optimizer, no Keras object.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from edge_runtime.errors import ModelFileError
from edge_runtime.heads import Head, needs_decoder
from edge_runtime.preprocessing import Preprocessing
from edge_runtime.run_folder import DenseLayer, Network
from edge_runtime.silence import silent_stderr
from export.preprocessing_graph import SCALING_SCOPE, network_inputs

HEAD_SCOPE = "head"
FLOAT_SCOPES = (HEAD_SCOPE, SCALING_SCOPE)
"""Name scopes of the ops before and after the network, which stay float."""

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda x: x,
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "elu": tf.nn.elu,
    "selu": tf.nn.selu,
    "tanh": tf.nn.tanh,
    "sigmoid": tf.nn.sigmoid,
    "softplus": tf.nn.softplus,
    "swish": lambda x: x * tf.nn.sigmoid(x),
}
_LEAKY_RELU = re.compile(r"leaky_relu\((.+)\)")


def build_detector_graph(network: Network, preprocessing: Preprocessing, head: Head) -> bytes:
    """Return the whole detector as a float32 flatbuffer with the signature ``serving_default``.

    The batch size is left open. Tensors keep the converter's names until `export.flatbuffer.name_tensors`
    gives them their own.

    Raises
    ------
    ModelFileError
        If an activation has no TFLite form here.
    """
    shape = [None, preprocessing.window, preprocessing.sensors]
    return _convert(
        lambda window: _detect(window, network, preprocessing, head), tf.TensorSpec(shape, tf.float32, name="window")
    )


def build_network_graph(network: Network, head: Head) -> bytes:
    """Return the network alone: ``inputs`` (1, inputs) → ``codes``.

    If the head needs them, ``reconstruction`` and ``hidden_0`` … are outputs too. For targets whose host scales and
    scores. The batch is 1: the Edge TPU knows fixed shapes only.
    """

    def run(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        hidden, codes = _encode(inputs, network)
        outputs = {"codes": codes}
        if "hidden" in head.parts:
            outputs |= {f"hidden_{number}": layer for number, layer in enumerate(hidden)}
        if needs_decoder(head.kind):
            outputs["reconstruction"] = _layers(codes, network.decoder, "decoder")[-1]
        return outputs

    return _convert(run, tf.TensorSpec([1, len(network.encoder[0].kernel)], tf.float32, name="inputs"))


def _convert(function: Callable[[Any], dict[str, Any]], entry: tf.TensorSpec) -> bytes:
    module = tf.Module()
    module.run = tf.function(function, input_signature=[entry])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": module.run})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        # The converter's C++ chatter goes past Python's logging.
        with silent_stderr():
            return bytes(converter.convert())


def _detect(window: tf.Tensor, network: Network, preprocessing: Preprocessing, head: Head) -> dict[str, tf.Tensor]:
    inputs = network_inputs(window, preprocessing)
    hidden, codes = _encode(inputs, network)
    parts = {"inputs": [inputs], "hidden": hidden, "codes": [codes]}
    if needs_decoder(head.kind):
        parts["residual"] = [inputs - _layers(codes, network.decoder, "decoder")[-1]]
    with tf.name_scope(f"{HEAD_SCOPE}/"):
        squares = tf.square(_whiten(tf.concat([part for name in head.parts for part in parts[name]], axis=1), head))
        score = tf.reduce_sum(squares, axis=1) + _nan_unless_finite(window)
    outputs = {"codes": codes, "score": score}
    if head.parts[0] != "codes":
        shape = (-1, preprocessing.inputs_per_sensor, preprocessing.sensors)
        by_reading = tf.reshape(squares[:, : preprocessing.inputs], shape)
        outputs["contributions"] = tf.reduce_sum(by_reading, axis=1)
    return outputs


def _nan_unless_finite(window: tf.Tensor) -> tf.Tensor:
    """Return 0 for each window of finite values, NaN for all others, shape (n,).

    int8 has no NaN: a missing value would become some code, and the score a number like any other.
    """
    return tf.reduce_sum(window - window, axis=(1, 2))


def _encode(inputs: tf.Tensor, network: Network) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Return what the hidden layers give, and the codes."""
    *hidden, codes = _layers(inputs, network.encoder, "encoder")
    if network.kept:
        codes *= tf.cast(codes >= tf.math.top_k(codes, network.kept).values[:, -1:], tf.float32)
    return hidden, codes


def _layers(x: tf.Tensor, layers: tuple[DenseLayer, ...], part: str) -> list[tf.Tensor]:
    """Return what each layer gives, the last one last."""
    outputs = []
    for number, layer in enumerate(layers):
        activation = _activation(layer.activation, f"{part} layer {number}")
        with tf.name_scope(f"{part}_{number}/"):
            x = activation(tf.matmul(x, layer.kernel) + layer.bias)
        outputs.append(x)
    return outputs


def _activation(name: str, where: str) -> Callable[[Any], Any]:
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]
    if leaky := _LEAKY_RELU.fullmatch(name):
        slope = float(leaky[1])
        return lambda x: tf.nn.leaky_relu(x, slope)
    raise ModelFileError(
        f"{where} has the activation {name!r}. Expected one of: {', '.join(ACTIVATIONS)}, leaky_relu(SLOPE)."
    )


def _whiten(z: tf.Tensor, head: Head) -> tf.Tensor:
    if head.whitening.ndim == 1:
        return (z - head.mean) * head.whitening
    bias = (-head.mean.astype(np.float64) @ head.whitening).astype(np.float32)
    return tf.matmul(z, head.whitening) + bias
