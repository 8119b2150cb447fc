"""Fitting the autoencoder: whole epochs as one compiled graph, early stopping, best weights kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edge_runtime.preprocessing import FloatArray
from training.autoencoder import SparseAutoencoder


@dataclass(frozen=True)
class TrainingSettings:
    """How to fit.

    Parameters
    ----------
    epochs : int
        At most so many.
    batch_size : int
        Windows per step.
    learning_rate : float
        Of Adam (Kingma and Ba, 2015).
    patience : int
        Epochs without a better validation loss before it stops.
    seed : int
        Of weights and order.
    """

    epochs: int = 500
    batch_size: int = 64
    learning_rate: float = 2e-3
    patience: int = 40
    seed: int = 0


@dataclass(frozen=True)
class Epoch:
    """One line of the training history; losses are mean squared errors in scaled units plus the penalty."""

    epoch: int
    loss: float
    validation_loss: float
    penalty: float
    mean_activation: float


OnEpoch = Callable[[Epoch], None]


def fit(
    model: SparseAutoencoder,
    train: FloatArray,
    validation: FloatArray,
    settings: TrainingSettings,
    on_epoch: OnEpoch = lambda _: None,
) -> list[Epoch]:
    """Train until the validation loss stops falling; the model ends with its best weights.

    Parameters
    ----------
    train, validation : ndarray of shape (n, inputs), float32
        Scaled windows.
    on_epoch : callable
        Called after each epoch, for progress.
    """
    rng = np.random.default_rng(settings.seed)
    run_epoch = _compile_epoch(model, keras.optimizers.Adam(settings.learning_rate), tf.constant(train))
    evaluate = _compile_evaluation(model, tf.constant(validation))
    history: list[Epoch] = []
    best_loss, best_weights, since_best = np.inf, model.get_weights(), 0
    try:
        for number in range(1, settings.epochs + 1):
            loss = float(run_epoch(tf.constant(_batches(rng, len(train), settings.batch_size))))
            validation_loss, penalty, activation = (float(value) for value in evaluate())
            history.append(Epoch(number, loss, validation_loss, penalty, activation))
            on_epoch(history[-1])
            since_best += 1
            if validation_loss < best_loss:
                best_loss, best_weights, since_best = validation_loss, model.get_weights(), 0
            if since_best >= settings.patience or not np.isfinite(loss):
                break
    except KeyboardInterrupt:
        if not history:
            raise
    model.set_weights(best_weights)
    return history


def _batches(rng: np.random.Generator, n: int, batch_size: int) -> npt.NDArray[np.int64]:
    """Return a random order of all samples as rows of equal length; the few that are left over wait a turn."""
    size = min(batch_size, n)
    steps = n // size
    return rng.permutation(n)[: steps * size].reshape(steps, size)


def _compile_epoch(model: SparseAutoencoder, optimizer: keras.optimizers.Optimizer, data: tf.Tensor) -> tf.function:
    variables = model.trainable_variables
    optimizer.build(variables)

    @tf.function  # type: ignore[untyped-decorator] # tensorflow has no types
    def run_epoch(batches: tf.Tensor) -> tf.Tensor:
        total = tf.constant(0.0)
        for batch in batches:
            inputs = tf.gather(data, batch)
            with tf.GradientTape() as tape:
                outputs = model(inputs, training=True)
                loss = tf.reduce_mean(tf.square(inputs - outputs)) + tf.add_n(model.losses)
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            total += loss
        return total / tf.cast(tf.shape(batches)[0], tf.float32)

    return run_epoch


def _compile_evaluation(model: SparseAutoencoder, data: tf.Tensor) -> tf.function:
    @tf.function  # type: ignore[untyped-decorator] # tensorflow has no types
    def evaluate() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        codes = model.encoder(data, training=False)
        penalty = tf.add_n(model.encoder.losses)
        error = tf.reduce_mean(tf.square(data - model.decoder(codes, training=False)))
        return error + penalty, penalty, tf.reduce_mean(codes)

    return evaluate
