"""The whole detector as one TFLite graph, rebuilt from plain weights.

``window`` (raw sensor units) → scaling → encoder (→ decoder) → head → ``codes``, ``score`` and, where the
head has them, ``contributions``. Nothing of training is left: no penalty, no optimizer, no Keras object.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from edge_runtime.errors import ModelFileError
from edge_runtime.heads import Head, needs_decoder
from edge_runtime.preprocessing import Preprocessing, gain
from edge_runtime.run_folder import DenseLayer, Network
from edge_runtime.silence import silent_stderr

HEAD_SCOPE = "head"
"""Name scope of the head's ops, which stay float."""

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda x: x,
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "elu": tf.nn.elu,
    "selu": tf.nn.selu,
    "tanh": tf.nn.tanh,
    "sigmoid": tf.nn.sigmoid,
    "softplus": tf.nn.softplus,
}


def build_float_graph(network: Network, preprocessing: Preprocessing, head: Head) -> bytes:
    """Return the detector as a float32 flatbuffer with the signature ``serving_default``.

    The batch size is left open. Tensors keep the converter's names until `export.tensor_names` gives them
    their own.

    Raises
    ------
    ModelFileError
        If an activation has no TFLite form here.
    """
    module = tf.Module()
    shape = [None, preprocessing.window, preprocessing.sensors]
    module.detect = tf.function(
        lambda window: _detect(window, network, preprocessing, head),
        input_signature=[tf.TensorSpec(shape, tf.float32, name="window")],
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": module.detect})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        # The converter's C++ chatter goes past Python's logging.
        with silent_stderr():
            return bytes(converter.convert())


def _detect(window: tf.Tensor, network: Network, preprocessing: Preprocessing, head: Head) -> dict[str, tf.Tensor]:
    scaled = (window - np.asarray(preprocessing.center, np.float32)) * gain(preprocessing.scale)
    limited = tf.clip_by_value(scaled, -preprocessing.limit, preprocessing.limit)
    inputs = tf.reshape(limited, (-1, preprocessing.inputs))
    *hidden, codes = _layers(inputs, network.encoder, "encoder")
    if network.kept:
        codes *= tf.cast(codes >= tf.math.top_k(codes, network.kept).values[:, -1:], tf.float32)
    parts = {"inputs": [inputs], "hidden": hidden, "codes": [codes]}
    if needs_decoder(head.kind):
        parts["residual"] = [inputs - _layers(codes, network.decoder, "decoder")[-1]]
    with tf.name_scope(f"{HEAD_SCOPE}/"):
        squares = tf.square(_whiten(tf.concat([part for name in head.parts for part in parts[name]], axis=1), head))
    outputs = {"codes": codes, "score": tf.reduce_sum(squares, axis=1)}
    if head.parts[0] != "codes":
        by_reading = tf.reshape(squares[:, : preprocessing.inputs], (-1, preprocessing.window, preprocessing.sensors))
        outputs["contributions"] = tf.reduce_sum(by_reading, axis=1)
    return outputs


def _layers(x: tf.Tensor, layers: tuple[DenseLayer, ...], part: str) -> list[tf.Tensor]:
    """Return what each layer gives, the last one last."""
    outputs = []
    for number, layer in enumerate(layers):
        if layer.activation not in ACTIVATIONS:
            raise ModelFileError(
                f"{part} layer {number} has the activation {layer.activation!r}. "
                f"Expected one of: {', '.join(ACTIVATIONS)}."
            )
        with tf.name_scope(f"{part}_{number}/"):
            x = ACTIVATIONS[layer.activation](tf.matmul(x, layer.kernel) + layer.bias)
        outputs.append(x)
    return outputs


def _whiten(z: tf.Tensor, head: Head) -> tf.Tensor:
    if head.whitening.ndim == 1:
        return (z - head.mean) * head.whitening
    bias = (-head.mean.astype(np.float64) @ head.whitening).astype(np.float32)
    return tf.matmul(z, head.whitening) + bias
