"""The autoencoder's formulas in a graph that serves all sizes, with the gradients of its loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from training.autoencoder import SparseAutoencoder
from training.sparsity import keep_largest, moving_average, penalty_gradient, penalty_of


@dataclass(frozen=True)
class Structure:
    """The properties of a model that determine its formulas; those not described here are arguments of the model.

    Parameters
    ----------
    hidden : int
        Layers between inputs and codes.
    kept : int
        Number of codes kept per sample; 0 keeps all.
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

    @property
    def dimensions(self) -> list[int]:
        """Dimensions of each of the model's ``trainable_variables``: 2 for a kernel, 1 for a bias."""
        encoder, decoder = (2, 1), (1,) if self.tied else (2, 1)
        return [*encoder * (self.hidden + 1), *decoder * (self.hidden + 1)]


_OPTIONS = ("activation", "code_activation", "output", "penalty", "rho", "alpha", "momentum", "tied", "noise")


def structure_of(model: SparseAutoencoder, weight_decay: float) -> Structure:
    """Return the structure of a model."""
    config = model.get_config()
    kept = model.encoder.layers[-1].kept
    return Structure(len(config["hidden"]), kept, weight_decay, **{name: config[name] for name in _OPTIONS})


def batch_gradients(
    structure: Structure, weights: Sequence[Any], inputs: Any, average: Any, seed: Any
) -> tuple[Any, list[Any], Any]:
    """Return loss and gradients of a batch, and the new moving average of the mean activations.

    The loss is squared error plus penalty. Its gradients at outputs and codes are written out: derived
    automatically, in a graph that serves all sizes, they would make up two thirds of a step's operations.

    Parameters
    ----------
    structure : Structure
    weights : sequence of tensor
        As of the model's ``trainable_variables``.
    inputs : tensor of shape (batch, inputs)
    average : tensor of shape (codes,)
    seed : callable
        Returns the seed of the noise, a tensor of shape (2,), int32.
    """
    noise, momentum = structure.noise, structure.momentum
    seen = inputs + noise * tf.random.stateless_normal(tf.shape(inputs), seed()) if noise else inputs
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(weights)
        codes, outputs = _run(structure, weights, seen)
    rho_hat = tf.reduce_mean(codes, axis=0)
    if momentum:
        average = rho_hat = moving_average(average, rho_hat, momentum)
    difference = outputs - inputs
    scale = 2.0 / tf.cast(tf.size(inputs), tf.float32)
    loss = scale * tf.nn.l2_loss(difference) + _penalty(penalty_of, structure, codes, rho_hat)
    targets = [(outputs, scale * difference), (codes, _penalty(penalty_gradient, structure, codes, rho_hat))]
    sources, gradients = zip(*((target, at) for target, at in targets if at is not None), strict=True)
    return loss, tape.gradient(sources, weights, gradients), average


def validation_figures(structure: Structure, weights: Sequence[Any], inputs: Any) -> tuple[Any, Any, Any]:
    """Return loss, penalty and mean activation."""
    codes, outputs = _run(structure, weights, inputs)
    penalty = _penalty(penalty_of, structure, codes, tf.reduce_mean(codes, axis=0))
    error = tf.reduce_mean(tf.math.squared_difference(inputs, outputs))
    return error + penalty, penalty, tf.reduce_mean(codes)


def _penalty(formula: Callable[..., Any], structure: Structure, codes: Any, rho_hat: Any) -> Any:
    return formula(structure.penalty, structure.rho, structure.alpha, codes, rho_hat)


def _run(structure: Structure, weights: Sequence[Any], values: Any) -> tuple[Any, Any]:
    """Return codes and outputs."""
    kernels, biases = ([w for w in weights if len(w.shape) == dimensions] for dimensions in (2, 1))
    if structure.tied:
        kernels += [tf.transpose(kernel) for kernel in reversed(kernels)]
    codes = None
    for layer, name in enumerate(structure.activations):
        activation = keras.activations.get(name)
        values = activation(tf.nn.bias_add(tf.matmul(values, kernels[layer]), biases[layer]))
        if layer == structure.hidden:
            values = codes = keep_largest(values, structure.kept) if structure.kept else values
    return codes, values
