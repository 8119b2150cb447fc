"""An epoch of one or many models as a compiled graph, traced once in a process for all models of one structure.

Tracing a graph takes longer than training a small model. So the graph takes everything in which such models differ as
arguments: weights, optimizer state and data, each with a leading axis for the models. The formulas are those of the
Keras model itself, called with these values in place of its own (`keras.StatelessScope`); for many models
`tf.vectorized_map` makes one batched product of the products of each.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training.adam import adam_step
from training.autoencoder import SparseAutoencoder, variables_of
from training.several_devices import accelerators, shared, strategy_for
from training.weights import skeleton

# Graphs of this many structures are kept; a search over penalties makes one for each.
_GRAPHS = 16


@functools.lru_cache(maxsize=_GRAPHS)
def epoch_graph(structure: str, weight_decay: float, *, is_single: bool) -> Any:
    """Return the compiled function that trains N models on every training window once, then computes validation losses.

    It changes the weights and Adam's moments. Its arguments:

    ============== ==================== ================================================================
    weights        list of variables    as the model's ``trainable_variables``, each of shape (N, …)
    m, v           lists of variables   Adam's moments
    fixed          list of tensors      as ``non_trainable_variables``: averages, the noise generator's state
    powers         (2,)                 Adam's decay rates to the power of the next step
    data           (N, n, inputs)       training windows; rows that no batch names are not read
    validation     (N, m, inputs)       validation windows
    sizes          (N,)                 int32, how many of the m are there
    batches        (N, steps, batch)    int32, rows of `data`
    rate           ()                   learning rate
    ============== ==================== ================================================================

    It returns the four figures of `training.trainer.Epoch` for each model, shape (N, 4), and the new `fixed` and
    `powers`.

    Parameters
    ----------
    structure : str
        See `training.autoencoder.SparseAutoencoder.structure`.
    weight_decay : float
        See `training.adam.adam_step`.
    is_single : bool
        Whether N is 1: without the vectorisation that takes less than half the time. Several accelerators share its
        steps.
    """
    model, count = skeleton(structure), 1 if is_single else None
    # autograph would translate Python code, which takes longer than tracing.
    function = tf.function(functools.partial(_epoch, model, weight_decay, is_single), autograph=False)
    windows = tf.TensorSpec((count, None, model.encoder.input_shape[-1]))
    return function.get_concrete_function(
        *([_stacked(weight.shape, count) for weight in model.trainable_variables] for _ in range(3)),
        [tf.TensorSpec((count, *variable.shape), variable.dtype) for variable in model.non_trainable_variables],
        tf.TensorSpec((2,)),
        windows,
        windows,
        tf.TensorSpec((count,), tf.int32),
        tf.TensorSpec((count, None, None), tf.int32),
        tf.TensorSpec(()),
    )


def _stacked(shape: Sequence[int], count: int | None) -> Any:
    return tf.Variable(np.zeros((1, *shape), np.float32), shape=tf.TensorShape((count, *shape)))


def _epoch(  # noqa: PLR0913 - see `epoch_graph`
    model: SparseAutoencoder,
    weight_decay: float,
    is_single: bool,  # noqa: FBT001 - bound by `functools.partial`
    weights: list[Any],
    m: list[Any],
    v: list[Any],
    fixed: list[Any],
    powers: Any,
    data: Any,
    validation: Any,
    sizes: Any,
    batches: Any,
    rate: Any,
) -> tuple[Any, list[Any], Any]:
    steps = tf.shape(batches)[1]

    def slopes(now: list[Any], fixed: list[Any], inputs: Any) -> tuple[Any, list[Any], list[Any]]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(now)
            (error, penalty, _), new = _figures(model, now, fixed, inputs, training=True)
            loss = error + penalty
        return loss, tape.gradient(loss, now), new

    strategy = strategy_for(accelerators()) if is_single else None
    chosen_slopes = slopes if strategy is None else shared(strategy, slopes)

    def step(number: Any, total: Any, fixed: list[Any], powers: Any) -> tuple[Any, Any, list[Any], Any]:
        inputs, now = tf.gather(data, batches[:, number], batch_dims=1), [weight.read_value() for weight in weights]
        over_models = _only if is_single else tf.vectorized_map
        loss, gradients, fixed = over_models(lambda one: chosen_slopes(*one), (now, fixed, inputs))
        powers = adam_step(weights, m, v, powers, gradients, rate, weight_decay)
        return number + 1, total + loss, fixed, powers

    def judged(now: list[Any], fixed: list[Any], windows: Any, size: Any) -> Any:
        (error, penalty, activation), _ = _figures(model, now, fixed, windows[:size], training=False)
        return tf.stack([error + penalty, penalty, activation])

    start = (0, tf.zeros_like(sizes, tf.float32), fixed, powers)
    # Each step needs the one before it: looking for iterations that could run in parallel only takes time.
    _, total, fixed, powers = tf.while_loop(lambda number, *_: number < steps, step, start, parallel_iterations=1)
    with tf.control_dependencies([total]):
        now = [weight.read_value() for weight in weights]
        # One model at a time: products this large gain nothing, and the models' windows differ in number.
        over_models = _only if is_single else _one_by_one
        figures = over_models(lambda one: judged(*one), (now, fixed, validation, sizes))
    return tf.concat([total[:, None] / tf.cast(steps, tf.float32), figures], axis=1), fixed, powers


def _only(function: Callable[[Any], Any], arguments: Any) -> Any:
    """Return what `tf.vectorized_map` does if there is one model."""
    result = function(tf.nest.map_structure(lambda stacked: stacked[0], arguments))
    return tf.nest.map_structure(lambda value: value[None], result)


def _one_by_one(function: Callable[[Any], Any], arguments: Any) -> Any:
    return tf.map_fn(function, arguments, parallel_iterations=1, fn_output_signature=tf.float32)


def _figures(
    model: SparseAutoencoder, weights: Sequence[Any], fixed: Sequence[Any], inputs: Any, *, training: bool
) -> tuple[tuple[Any, Any, Any], list[Any]]:
    """Return squared error, penalty and mean activation of a batch, and the new `fixed`."""
    values = zip(variables_of(model), [*weights, *fixed], strict=True)
    with keras.StatelessScope(list(values), collect_losses=True) as scope:
        codes = model.encoder(model.noisy(inputs) if training else inputs, training=training)
        outputs = model.decoder(codes, training=training)
        penalty = tf.add_n([0.0, *model.losses])
    error = tf.reduce_mean(tf.math.squared_difference(inputs, outputs))
    new = [scope.get_current_value(variable) for variable in model.non_trainable_variables]
    return (error, penalty, tf.reduce_mean(codes)), new
