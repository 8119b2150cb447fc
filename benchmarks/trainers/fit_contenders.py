"""The ways to fit that are compared: ours, and Keras' `fit` in its modes.

All take the same batches and learning rates in the same order, so they differ only by rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.trainers.trainer_result import KERAS, KERAS_EPOCHS, KERAS_EPOCHS_JIT, KERAS_JIT, KERAS_PARTS, OURS
from edge_runtime.arrays import FloatArray
from training.autoencoder import SparseAutoencoder
from training.checkpoint import CheckpointFile
from training.settings import DetectorSettings
from training.trainer import Epoch, OnEpoch, epoch_batches, epoch_rate, fit


def keras_fit(  # noqa: PLR0913 - the first six are those of `training.trainer.fit`
    model: SparseAutoencoder,
    train: FloatArray,
    validation: FloatArray,
    settings: DetectorSettings,
    on_epoch: OnEpoch = lambda _: None,  # noqa: ARG001
    checkpoint: CheckpointFile | None = None,  # noqa: ARG001
    *,
    whole_epochs: bool,
    jit: bool,
) -> list[Epoch]:
    """Fit with ``model.fit`` where `training.trainer.fit` would.

    The data are fed in the cheapest way found: batches gathered in ``tf.data``, all validation windows as one element.
    Penalty and mean activation are not recorded, which spares Keras their cost.

    Parameters
    ----------
    whole_epochs : bool
        Whether ``steps_per_execution`` is a whole epoch or one step.
    jit : bool
        Whether XLA compiles a step.
    """
    epochs = settings.epochs or 0
    order = [epoch_batches(settings, number + 1, len(train)) for number in range(epochs)]
    steps = len(order[0])
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss="mse",
        steps_per_execution=steps if whole_epochs else 1,
        jit_compile=jit,
    )
    history = model.fit(
        _batches(train, np.concatenate(order)),
        epochs=epochs,
        steps_per_epoch=steps,
        validation_data=tf.data.Dataset.from_tensors((validation, validation)),
        callbacks=[
            keras.callbacks.LearningRateScheduler(lambda epoch: epoch_rate(settings, epoch + 1)),
            keras.callbacks.EarlyStopping(patience=settings.patience, restore_best_weights=True),
        ],
        shuffle=False,
        verbose=0,
    ).history
    losses = zip(history["loss"], history["val_loss"], strict=True)
    return [Epoch(number, *both, math.nan, math.nan) for number, both in enumerate(losses, start=1)]


def _batches(train: FloatArray, order: Any) -> Any:
    windows = tf.constant(train)

    def gathered(rows: Any) -> tuple[Any, Any]:
        inputs = tf.gather(windows, rows)
        return inputs, inputs

    return tf.data.Dataset.from_tensor_slices(order).map(gathered)


def keras_parts(  # noqa: PLR0913 - as `training.trainer.fit`
    model: SparseAutoencoder,
    train: FloatArray,
    validation: FloatArray,
    settings: DetectorSettings,
    on_epoch: OnEpoch = lambda _: None,  # noqa: ARG001
    checkpoint: CheckpointFile | None = None,  # noqa: ARG001
) -> list[Epoch]:
    """Fit with Keras' model, gradients and optimizer inside a graph that runs a whole epoch, one graph per model."""
    optimizer = keras.optimizers.Adam(settings.learning_rate)
    optimizer.build(model.trainable_variables)
    graph = tf.function(partial(_keras_epoch, model, optimizer, tf.constant(train), tf.constant(validation)))
    history: list[Epoch] = []
    best = model.get_weights()
    best_epoch = Epoch(0, math.inf, math.inf, math.nan, math.nan)
    for number in range(1, (settings.epochs or 0) + 1):
        optimizer.learning_rate.assign(epoch_rate(settings, number))
        loss, validation_loss = graph(tf.constant(epoch_batches(settings, number, len(train))))
        history.append(Epoch(number, float(loss), float(validation_loss), math.nan, math.nan))
        if history[-1].validation_loss < best_epoch.validation_loss:
            best, best_epoch = model.get_weights(), history[-1]
        if number - best_epoch.epoch >= settings.patience:
            break
    model.set_weights(best)
    return history


def _keras_epoch(model: SparseAutoencoder, optimizer: Any, data: Any, validation: Any, batches: Any) -> tuple[Any, Any]:
    def step(number: Any, total: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            loss = _loss(model, tf.gather(data, batches[number]), training=True)
        variables = [variable.value for variable in model.trainable_variables]
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), model.trainable_variables, strict=True))
        return number + 1, total + loss

    steps = tf.shape(batches)[0]
    _, total = tf.while_loop(lambda number, _: number < steps, step, (0, 0.0), parallel_iterations=1)
    with tf.control_dependencies([total]):
        return total / tf.cast(steps, tf.float32), _loss(model, validation, training=False)


def _loss(model: SparseAutoencoder, inputs: Any, *, training: bool) -> Any:
    error = tf.reduce_mean(tf.math.squared_difference(inputs, model(inputs, training=training)))
    return tf.add_n([error, *model.losses])


FITS: dict[str, Callable[..., list[Epoch]]] = {
    OURS: fit,
    KERAS_PARTS: keras_parts,
    KERAS_EPOCHS: partial(keras_fit, whole_epochs=True, jit=False),
    KERAS: partial(keras_fit, whole_epochs=False, jit=False),
    KERAS_EPOCHS_JIT: partial(keras_fit, whole_epochs=True, jit=True),
    KERAS_JIT: partial(keras_fit, whole_epochs=False, jit=True),
}
