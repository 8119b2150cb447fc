"""The autoencoder's formulas over weights that lie end to end in one vector, in a graph that fits all sizes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from edge_runtime.preprocessing import FloatArray
from training.autoencoder import SparseAutoencoder
from training.sparsity import keep_largest, moving_average, penalty_of


@dataclass(frozen=True)
class Structure:
    """What of a model decides its formulas; what is not explained is an argument of the model.

    Parameters
    ----------
    hidden : int
        Layers between inputs and codes.
    kept : int
        Codes kept of each sample; 0 keeps all.
    weight_decay : float
        See `training.adam.adam_step`.
    """

    hidden: int
    kept: int
    weight_decay: float
    activation: str
    code_activation: str
    output: str
    penalty: str
    rho: float
    alpha: float
    momentum: float
    tied: bool
    noise: float

    @property
    def activations(self) -> list[str]:
        """One name per layer."""
        hidden = [self.activation] * self.hidden
        return [*hidden, self.code_activation, *hidden, self.output]


# Dimensions of a kernel; a bias has one.
_KERNEL = 2
_OPTIONS = ("activation", "code_activation", "output", "penalty", "rho", "alpha", "momentum", "tied", "noise")


def structure_of(model: SparseAutoencoder, weight_decay: float) -> Structure:
    """Return the structure of a model."""
    config = model.get_config()
    kept = model.encoder.layers[-1].kept
    return Structure(len(config["hidden"]), kept, weight_decay, **{name: config[name] for name in _OPTIONS})


def layer_sizes(model: SparseAutoencoder) -> list[int]:
    """Return the widths of inputs, hidden layers, codes, hidden layers and outputs."""
    config = model.get_config()
    return [config["inputs"], *config["hidden"], config["code_size"], *reversed(config["hidden"]), config["inputs"]]


def flat_weights(model: SparseAutoencoder) -> FloatArray:
    """Return all that is learnt, end to end: kernel and bias layer by layer, of a tied decoder the biases."""
    return np.concatenate([np.ravel(variable.numpy()) for variable in model.trainable_variables])


def set_flat_weights(model: SparseAutoencoder, weights: FloatArray) -> None:
    """Give a model the weights of `flat_weights`."""
    ends = np.cumsum([np.prod(variable.shape, dtype=int) for variable in model.trainable_variables])
    for variable, part in zip(model.trainable_variables, np.split(weights, ends[:-1]), strict=True):
        variable.assign(part.reshape(variable.shape))


def mean_activations(model: SparseAutoencoder) -> FloatArray:
    """Return the moving average of the mean activations, of length 0 where there is none."""
    layer = model.encoder.layers[-1].rho_hat
    return np.zeros(0, np.float32) if layer is None else np.asarray(layer.average)


def set_mean_activations(model: SparseAutoencoder, average: FloatArray) -> None:
    """Give a model the average of `mean_activations`."""
    layer = model.encoder.layers[-1].rho_hat
    if layer is not None:
        layer.average.assign(average)


class FlatNetwork:
    """A model inside a graph.

    Parameters
    ----------
    structure : Structure
    sizes : tensor of shape (layers + 1,), int32
        See `layer_sizes`.
    """

    def __init__(self, structure: Structure, sizes: Any) -> None:
        self._structure = structure
        self._activations = [keras.activations.get(name) for name in structure.activations]
        self._shapes: list[Any] = []
        for layer in range(len(self._activations)):
            if not structure.tied or layer <= structure.hidden:
                self._shapes.append(sizes[layer : layer + 2])
            self._shapes.append(sizes[layer + 1 : layer + 2])
        self._lengths = tf.stack([tf.reduce_prod(shape) for shape in self._shapes])

    def is_kernel(self) -> Any:
        """Return 1 for each weight of a kernel and 0 for each bias, shape (p,)."""
        return tf.repeat([float(shape.shape[0] == _KERNEL) for shape in self._shapes], self._lengths)

    def training_loss(self, weights: Any, inputs: Any, average: Any, seed: Any) -> tuple[Any, Any]:
        """Return squared error plus penalty of a batch, and the new moving average of the mean activations."""
        noise, momentum = self._structure.noise, self._structure.momentum
        seen = inputs + noise * tf.random.stateless_normal(tf.shape(inputs), seed) if noise else inputs
        codes, outputs = self._run(weights, seen)
        rho_hat = tf.reduce_mean(codes, axis=0)
        if momentum:
            average, rho_hat = moving_average(average, rho_hat, momentum)
        return _squared_error(inputs, outputs) + self._penalty(codes, rho_hat), average

    def validation_figures(self, weights: Any, inputs: Any) -> tuple[Any, Any, Any]:
        """Return loss, penalty and mean activation."""
        codes, outputs = self._run(weights, inputs)
        penalty = self._penalty(codes, tf.reduce_mean(codes, axis=0))
        return _squared_error(inputs, outputs) + penalty, penalty, tf.reduce_mean(codes)

    def _penalty(self, codes: Any, rho_hat: Any) -> Any:
        structure = self._structure
        return penalty_of(structure.penalty, structure.rho, structure.alpha, codes, rho_hat)

    def _run(self, weights: Any, values: Any) -> tuple[Any, Any]:
        """Return codes and outputs."""
        code_layer, codes = self._structure.hidden, None
        for number, (kernel, bias) in enumerate(self._layers(weights)):
            values = self._activations[number](tf.nn.bias_add(tf.matmul(values, kernel), bias))
            if number == code_layer:
                values = codes = keep_largest(values, self._structure.kept) if self._structure.kept else values
        return codes, values

    def _layers(self, weights: Any) -> Iterable[tuple[Any, Any]]:
        parts = tf.split(weights, self._lengths, num=len(self._shapes))
        shaped = [tf.reshape(part, shape) for part, shape in zip(parts, self._shapes, strict=True)]
        kernels = [part for part in shaped if len(part.shape) == _KERNEL]
        biases = [part for part in shaped if len(part.shape) != _KERNEL]
        if self._structure.tied:
            kernels += [tf.transpose(kernel) for kernel in reversed(kernels)]
        return zip(kernels, biases, strict=True)


def _squared_error(inputs: Any, outputs: Any) -> Any:
    return tf.reduce_mean(tf.math.squared_difference(inputs, outputs))
