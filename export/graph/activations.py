"""The activations, each as ops of a graph and as a function of arrays."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelFileError
from export.graph import ops
from export.graph.writer import GraphTensor

Array = npt.NDArray[np.float64]
# Klambauer et al. (2017), Self-normalizing neural networks.
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
_LEAKY_RELU = re.compile(r"leaky_relu\((.+)\)")


@dataclass(frozen=True)
class GraphActivation:
    """One activation.

    Parameters
    ----------
    in_numpy : callable
        Its formula, in float64.
    in_graph : callable
        The same as ops after those of the layer.
    fused : int
        What the dense layer does by itself; `in_graph` then adds nothing.
    """

    in_numpy: Callable[[Array], Array]
    in_graph: Callable[[GraphTensor], GraphTensor] = lambda x: x
    fused: int = ops.NO_ACTIVATION


def _sigmoid(x: Array) -> Array:
    return np.asarray((1.0 + np.tanh(x / 2.0)) / 2.0)


def _elu(x: Array) -> Array:
    return np.asarray(np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))))


def _leaky_relu(slope: float) -> GraphActivation:
    return GraphActivation(lambda x: np.asarray(np.where(x > 0, x, slope * x)), lambda x: ops.leaky_relu(x, slope))


def _softplus_in_graph(x: GraphTensor) -> GraphTensor:
    """Return ``log(1 + e**x)``, of an exponential that cannot overflow."""
    return ops.add(ops.relu(x), ops.log(ops.add(ops.exp(ops.minimum(x, ops.multiply(x, -1.0))), 1.0)))


def _selu_in_graph(x: GraphTensor) -> GraphTensor:
    below = ops.multiply(ops.elu(ops.minimum(x, 0.0)), _SELU_SCALE * _SELU_ALPHA)
    return ops.add(ops.multiply(ops.relu(x), _SELU_SCALE), below)


ACTIVATIONS: Mapping[str, GraphActivation] = {
    "linear": GraphActivation(lambda x: x),
    "relu": GraphActivation(lambda x: np.maximum(x, 0.0), fused=ops.RELU),
    "relu6": GraphActivation(lambda x: np.clip(x, 0.0, 6.0), fused=ops.RELU6),
    "elu": GraphActivation(_elu, ops.elu),
    "selu": GraphActivation(
        lambda x: _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0.0))), _selu_in_graph
    ),
    "tanh": GraphActivation(np.tanh, ops.tanh),
    "sigmoid": GraphActivation(_sigmoid, ops.logistic),
    "softplus": GraphActivation(lambda x: np.logaddexp(0.0, x), _softplus_in_graph),
    "swish": GraphActivation(lambda x: x * _sigmoid(x), lambda x: ops.multiply(x, ops.logistic(x))),
}


def find_activation(name: str, where: str) -> GraphActivation:
    """Return the activation with a Keras name.

    Parameters
    ----------
    where : str
        The layer, for the message.

    Raises
    ------
    ModelFileError
        If there is none.
    """
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]
    if leaky := _LEAKY_RELU.fullmatch(name):
        return _leaky_relu(float(leaky[1]))
    raise ModelFileError(
        f"{where} has the activation {name!r}. Expected one of: {', '.join(ACTIVATIONS)}, leaky_relu(SLOPE)."
    )
