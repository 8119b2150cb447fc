"""The whole detector as one TFLite graph, rebuilt from plain weights.

``window`` (raw sensor units) → scaling → encoder (→ decoder) → head → ``codes``, ``score``, ``contributions`` and
``expected``. Nothing of training is left: no penalty, no optimizer, no Keras object. Heads are fitted on the outputs
of the quantised network, so there is also a graph without a head: the probe.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edge_runtime.arrays import FloatArray
from edge_runtime.common.silence import silent_stderr
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.attribution import FLOOR, Attribution
from edge_runtime.inference.graph_constants import Constants, graph_constants, scaling_constants
from edge_runtime.inference.heads import PARTS, Head, needs_decoder
from edge_runtime.model_file.patching import with_constants
from edge_runtime.signal.preprocessing import Preprocessing
from export.constant_names import marks_for, with_named_constants
from export.preprocessing_graph import SCALING_SCOPE, network_inputs
from training.run_folder import DenseLayer, Network

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


def build_detector_graph(
    network: Network, preprocessing: Preprocessing, head: Head, attribution: Attribution | None
) -> bytes:
    """Return the whole detector as a float32 flatbuffer with the signature ``serving_default``.

    The constants that depend on the machine are named (`edge_runtime.model_file.patching`). The batch size is left
    open. `export.flatbuffer.name_tensors` later replaces the converter's names of inputs and outputs.

    Raises
    ------
    ModelFileError
        If an activation has no TFLite form here.
    """
    constants = graph_constants(preprocessing, head, attribution)
    marks = marks_for(constants)
    content = _convert(
        lambda window: _detect(window, network, preprocessing, head, attribution, marks), _window_spec(preprocessing)
    )
    return with_constants(with_named_constants(content, marks), constants)


def build_probe_graph(network: Network, preprocessing: Preprocessing) -> bytes:
    """Return scaling and network alone: ``window`` → ``inputs``, ``hidden_0`` …, ``codes`` and ``reconstruction``."""

    def run(window: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = network_inputs(window, preprocessing, scaling_constants(preprocessing))
        with tf.name_scope(f"{HEAD_SCOPE}/"):
            # A separate tensor: the network's input itself would be returned in the network's type.
            seen = inputs + tf.reshape(_nan_unless_finite(window), (-1, 1))
        return {"inputs": seen, **_network_outputs(inputs, network, tuple(PARTS))}

    return _convert(run, _window_spec(preprocessing))


def build_network_graph(network: Network, heads: tuple[str, ...] = (), batch: int = 1) -> bytes:
    """Return the network alone: ``inputs`` (batch, inputs) → ``codes``.

    If one of the heads needs them, ``reconstruction`` and ``hidden_0`` … are outputs too. For targets whose host scales
    and scores. The batch is fixed: the Edge TPU supports fixed shapes only.
    """
    entry = tf.TensorSpec([batch, len(network.encoder[0].kernel)], tf.float32, name="inputs")
    return _convert(lambda inputs: _network_outputs(inputs, network, heads), entry)


def network_parts(network: Network, inputs: FloatArray) -> dict[str, npt.NDArray[np.float64]]:
    """Return what heads are made of, each of shape (n, width): the graph's own formulas, run in float64.

    Parameters
    ----------
    inputs : ndarray of shape (n, inputs), float32
        Scaled.
    """
    x = tf.constant(inputs, tf.float64)
    hidden, codes = _encode(x, network)
    parts = {"inputs": x, "hidden": tf.concat([x[:, :0], *hidden], axis=1), "codes": codes}
    if network.decoder:
        parts["residual"] = x - _layers(codes, network.decoder, "decoder")[-1]
    return {name: part.numpy() for name, part in parts.items()}


def _network_outputs(inputs: tf.Tensor, network: Network, heads: tuple[str, ...]) -> dict[str, tf.Tensor]:
    hidden, codes = _encode(inputs, network)
    outputs = {"codes": codes}
    if any("hidden" in PARTS[head] for head in heads):
        outputs |= {f"hidden_{number}": layer for number, layer in enumerate(hidden)}
    if network.decoder and any(needs_decoder(head) for head in heads):
        outputs["reconstruction"] = _layers(codes, network.decoder, "decoder")[-1]
    return outputs


def _window_spec(preprocessing: Preprocessing) -> tf.TensorSpec:
    return tf.TensorSpec([None, preprocessing.window, preprocessing.sensors], tf.float32, name="window")


def _convert(function: Callable[[Any], dict[str, Any]], entry: tf.TensorSpec) -> bytes:
    module = tf.Module()
    module.run = tf.function(function, input_signature=[entry])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": module.run})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        # The converter's C++ messages bypass Python's logging.
        with silent_stderr():
            return bytes(converter.convert())


def _detect(  # noqa: PLR0913 - the parts of a detector
    window: tf.Tensor,
    network: Network,
    preprocessing: Preprocessing,
    head: Head,
    attribution: Attribution | None,
    constants: Constants,
) -> dict[str, tf.Tensor]:
    inputs = network_inputs(window, preprocessing, constants)
    hidden, codes = _encode(inputs, network)
    parts = {"inputs": [inputs], "hidden": hidden, "codes": [codes]}
    if needs_decoder(head.kind):
        parts["residual"] = [inputs - _layers(codes, network.decoder, "decoder")[-1]]
    with tf.name_scope(f"{HEAD_SCOPE}/"):
        z = tf.concat([part for name in head.parts for part in parts[name]], axis=1)
        distances = _distances(z, head, constants)
        missing = _nan_unless_finite(window)
        score = tf.reduce_min(distances, axis=1) + missing
        outputs = {"codes": codes, "score": score}
        if attribution is not None:
            outputs |= _attributions(inputs, score, distances, preprocessing.sensors, attribution, constants)
        if "expected" in outputs:
            outputs["expected"] += tf.reshape(missing, (-1, 1))
    return outputs


def _distances(z: tf.Tensor, head: Head, constants: Constants) -> tf.Tensor:
    """Return the squared distance from each centre, shape (n, K): the ops of `Head.distances`."""
    if head.whitening.ndim == 1:
        whitened = (z - constants["head_mean"]) * constants["head_whitening"]
        return tf.reduce_sum(tf.square(whitened), axis=1, keepdims=True)
    count = len(head.whitening) if head.whitening.ndim == 3 else 1
    whitened = [tf.matmul(z, constants[f"head_whitening_{number}"]) for number in range(count)]
    shifted = [one + constants[f"head_shift_{number}"] for number, one in enumerate(whitened)]
    squares = [tf.reduce_sum(tf.square(one), axis=1, keepdims=True) for one in shifted]
    if head.centers is None or head.whitening.ndim == 3:
        return tf.concat(squares, axis=1) if len(squares) > 1 else squares[0]
    # Of what is not shifted: the converter would move the shift into the offsets by itself.
    products = tf.matmul(whitened[0], constants["head_prototypes"]) + constants["head_offsets"]
    return tf.maximum(squares[0] + products, 0.0)


def _attributions(  # noqa: PLR0913 - what is attributed, and by which numbers
    inputs: tf.Tensor,
    score: tf.Tensor,
    distances: tf.Tensor,
    sensors: int,
    attribution: Attribution,
    constants: Constants,
) -> dict[str, tf.Tensor]:
    """Return what `edge_runtime.inference.attribution` computes, for the nearest mode."""
    modes = len(attribution.mean)
    nearest = tf.cast(tf.reduce_min(distances, axis=1, keepdims=True) >= distances, tf.float32) if modes > 1 else None

    def maps(name: str) -> list[tuple[FloatArray, FloatArray]]:
        return [(constants[f"{name}_{mode}"], constants[f"{name}_shift_{mode}"]) for mode in range(modes)]

    ratios = _of_mode(inputs, nearest, maps("blame"), lambda x: _by_sensor(x, sensors))
    ratios += np.float32(FLOOR)
    outputs = {"contributions": ratios * (tf.reshape(score, (-1, 1)) / tf.reduce_sum(ratios, axis=1, keepdims=True))}
    if attribution.gives_levels:
        outputs["expected"] = _of_mode(inputs, nearest, maps("level"), lambda x: x)
    return outputs


def _by_sensor(values: tf.Tensor, sensors: int) -> tf.Tensor:
    return tf.reduce_sum(tf.reshape(tf.square(values), (-1, values.shape[1] // sensors, sensors)), axis=1)


def _of_mode(
    inputs: tf.Tensor,
    nearest: tf.Tensor | None,
    maps: list[tuple[FloatArray, FloatArray]],
    then: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Return ``then(inputs @ matrix_k + shift_k)`` of the nearest mode k, of one map per mode."""
    total = None
    for mode, (matrix, shift) in enumerate(maps):
        value = then((inputs * matrix if matrix.ndim == 1 else tf.matmul(inputs, matrix)) + shift)
        value = value if nearest is None else value * nearest[:, mode : mode + 1]
        total = value if total is None else total + value
    return total


def _nan_unless_finite(window: tf.Tensor) -> tf.Tensor:
    """Return 0 for each window of finite values, NaN for all others, shape (n,).

    int8 has no NaN: a missing value would become an ordinary code, and the score an ordinary number.
    """
    return tf.reduce_sum(window - window, axis=(1, 2))


def _encode(inputs: tf.Tensor, network: Network) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Return the outputs of the hidden layers, and the codes."""
    *hidden, codes = _layers(inputs, network.encoder, "encoder")
    if network.kept:
        codes *= tf.cast(codes >= tf.math.top_k(codes, network.kept).values[:, -1:], codes.dtype)
    return hidden, codes


def _layers(x: tf.Tensor, layers: tuple[DenseLayer, ...], part: str) -> list[tf.Tensor]:
    """Return the output of each layer, in order."""
    outputs = []
    for number, layer in enumerate(layers):
        activation = _activation(layer.activation, f"{part} layer {number}")
        with tf.name_scope(f"{part}_{number}/"):
            kernel, bias = (values.astype(x.dtype.as_numpy_dtype) for values in (layer.kernel, layer.bias))
            x = activation(tf.matmul(x, kernel) + bias)
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
