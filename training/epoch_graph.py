"""An epoch as a compiled graph, traced once in a process for all models of one structure.

Tracing a graph takes longer than training a small model. So the graph takes everything in which such models differ as
arguments: weights, optimizer state and data. The formulas are those of the Keras model itself, called with these
values in place of its own (`keras.StatelessScope`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training.adam import adam_step
from training.autoencoder import SparseAutoencoder

# Graphs of this many structures are kept; a search over penalties makes one for each.
_GRAPHS = 16


@functools.lru_cache(maxsize=_GRAPHS)
def epoch_graph(structure: str, weight_decay: float) -> Any:
    """Return the compiled function that trains on every training window once and then computes the validation loss.

    It changes the weights and Adam's moments. Its arguments:

    ============== ==================== ================================================================
    weights        list of variables    as the model's ``trainable_variables``
    m, v           lists of variables   Adam's moments
    fixed          list of tensors      as ``non_trainable_variables``: averages, the noise generator's state
    powers         (2,)                 Adam's decay rates to the power of the next step
    data           (n, inputs)          training windows
    validation     (m, inputs)          validation windows
    batches        (steps, batch)       int32, rows of `data`
    rate           ()                   learning rate
    ============== ==================== ================================================================

    It returns the four figures of `training.trainer.Epoch`, shape (4,), and the new `fixed` and `powers`.

    Parameters
    ----------
    structure : str
        See `training.autoencoder.SparseAutoencoder.structure`.
    weight_decay : float
        See `training.adam.adam_step`.
    """
    options = json.loads(structure)
    model = SparseAutoencoder(**options)
    # autograph would translate Python code, which takes longer than tracing.
    function = tf.function(functools.partial(_epoch, model, weight_decay), autograph=False)
    return function.get_concrete_function(
        *([tf.Variable(np.zeros(weight.shape, np.float32)) for weight in model.trainable_variables] for _ in range(3)),
        [tf.TensorSpec(variable.shape, variable.dtype) for variable in model.non_trainable_variables],
        tf.TensorSpec((2,)),
        *(tf.TensorSpec((None, options["inputs"])) for _ in range(2)),
        tf.TensorSpec((None, None), tf.int32),
        tf.TensorSpec(()),
    )


def _epoch(  # noqa: PLR0913 - see `epoch_graph`
    model: SparseAutoencoder,
    weight_decay: float,
    weights: list[Any],
    m: list[Any],
    v: list[Any],
    fixed: list[Any],
    powers: Any,
    data: Any,
    validation: Any,
    batches: Any,
    rate: Any,
) -> tuple[Any, list[Any], Any]:
    steps = tf.shape(batches)[0]

    def step(number: Any, total: Any, fixed: list[Any], powers: Any) -> tuple[Any, Any, list[Any], Any]:
        inputs, now = tf.gather(data, batches[number]), [weight.read_value() for weight in weights]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(now)
            (error, penalty, _), fixed = _figures(model, now, fixed, inputs, training=True)
            loss = error + penalty
        powers = adam_step(weights, m, v, powers, tape.gradient(loss, now), rate, weight_decay)
        return number + 1, total + loss, fixed, powers

    start = (0, 0.0, fixed, powers)
    # Each step needs the one before it: looking for iterations that could run in parallel only takes time.
    _, total, fixed, powers = tf.while_loop(lambda number, *_: number < steps, step, start, parallel_iterations=1)
    with tf.control_dependencies([total]):
        now = [weight.read_value() for weight in weights]
        (error, penalty, activation), _ = _figures(model, now, fixed, validation, training=False)
    return tf.stack([total / tf.cast(steps, tf.float32), error + penalty, penalty, activation]), fixed, powers


def _figures(
    model: SparseAutoencoder, weights: Sequence[Any], fixed: Sequence[Any], inputs: Any, *, training: bool
) -> tuple[tuple[Any, Any, Any], list[Any]]:
    """Return squared error, penalty and mean activation of a batch, and the new `fixed`."""
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    values = zip(variables, [*weights, *fixed], strict=True)
    with keras.StatelessScope(list(values), collect_losses=True) as scope:
        codes = model.encoder(model.noisy(inputs) if training else inputs, training=training)
        outputs = model.decoder(codes, training=training)
        penalty = tf.add_n([0.0, *model.losses])
    error = tf.reduce_mean(tf.math.squared_difference(inputs, outputs))
    new = [scope.get_current_value(variable) for variable in model.non_trainable_variables]
    return (error, penalty, tf.reduce_mean(codes)), new
