"""Fitting the autoencoder: whole epochs as one compiled graph, early stopping, best weights kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edge_runtime.errors import RecordingError
from edge_runtime.preprocessing import FloatArray
from training.adam import Adam
from training.autoencoder import SparseAutoencoder
from training.checkpoint import Checkpoint, CheckpointFile


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
        Of Adam at the start.
    decay : bool
        Whether the learning rate falls in a straight line to nothing at the last epoch.
    patience : int
        Epochs without a better validation loss before it stops.
    weight_decay : float
        See `training.adam.Adam`.
    seed : int
        Of weights and order.
    """

    epochs: int = 500
    batch_size: int = 64
    learning_rate: float = 2e-3
    decay: bool = False
    patience: int = 40
    weight_decay: float = 0.0
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


def fit(  # noqa: PLR0913 - what to fit, on what, how, and two ways to follow it
    model: SparseAutoencoder,
    train: FloatArray,
    validation: FloatArray,
    settings: TrainingSettings,
    on_epoch: OnEpoch = lambda _: None,
    checkpoint: CheckpointFile | None = None,
) -> list[Epoch]:
    """Train until the validation loss stops falling; the model ends with its best weights.

    Parameters
    ----------
    train, validation : ndarray of shape (n, inputs), float32
        Scaled windows.
    on_epoch : callable
        Called after each epoch, for progress. A KeyboardInterrupt ends the training with the best epoch.
    checkpoint : CheckpointFile, optional
        Where to keep the state of the training, and to go on from if it is there: the weights then come out as
        if it had never stopped. Gone when the training is over.

    Raises
    ------
    RecordingError
        If the loss is not finite from the first epoch on.
    """
    fitting = _Fitting(model, train, validation, settings)
    if checkpoint is not None and (state := checkpoint.read()) is not None:
        fitting.restore(state)
    try:
        while fitting.goes_on():
            fitting.epoch()
            if checkpoint is not None and checkpoint.is_due():
                checkpoint.write(fitting.state())
            on_epoch(fitting.history[-1])
    except KeyboardInterrupt:
        if not fitting.history:
            raise
    if not np.isfinite(fitting.best_loss):
        raise RecordingError(
            "the training did not reach a finite loss in any epoch. "
            f"Received: {fitting.history[-1].loss} after {len(fitting.history)} epoch(s). "
            "Look for extreme values in the recording, or choose a smaller learning rate or --alpha."
        )
    model.set_weights(fitting.best_weights)
    if checkpoint is not None:
        checkpoint.path.unlink(missing_ok=True)
    return fitting.history


class _Fitting:
    """A training between two epochs."""

    def __init__(
        self, model: SparseAutoencoder, train: FloatArray, validation: FloatArray, settings: TrainingSettings
    ) -> None:
        self._model, self._settings, self._n = model, settings, len(train)
        variables = [variable.value for variable in model.trainable_variables]
        self._adam = Adam(variables, settings.weight_decay)
        self._run_epoch = _compile_epoch(model, self._adam, tf.constant(train), tf.constant(validation))
        self.history: list[Epoch] = []
        self.best_loss, self.best_weights = np.inf, model.get_weights()
        self._since_best = 0

    def goes_on(self) -> bool:
        """Return whether another epoch is due."""
        done = len(self.history)
        if done and not np.isfinite(self.history[-1].loss):
            return False
        return done < self._settings.epochs and self._since_best < self._settings.patience

    def epoch(self) -> None:
        """Go once through the training windows and look at the validation ones."""
        number = len(self.history) + 1
        settings = self._settings
        rate = settings.learning_rate * (1.0 - (number - 1) / settings.epochs if settings.decay else 1.0)
        # A generator of its own for each epoch: one that goes on after a stop shuffles as if it had not stopped.
        order = np.random.default_rng((settings.seed, number))
        batches = tf.constant(_batches(order, self._n, settings.batch_size))
        if self._model.noise_source is not None:
            self._model.noise_source.state.assign([settings.seed, number])
        values = self._run_epoch(batches, tf.constant(rate, tf.float32))
        self.history.append(Epoch(number, *(float(value) for value in values)))
        self._since_best += 1
        if self.history[-1].validation_loss < self.best_loss:
            self.best_loss, self._since_best = self.history[-1].validation_loss, 0
            self.best_weights = self._model.get_weights()

    def state(self) -> Checkpoint:
        """Return all that another process needs to go on."""
        return Checkpoint(
            tuple(tuple(vars(epoch).values()) for epoch in self.history),
            tuple(self._model.get_weights()),
            tuple(self.best_weights),
            tuple(self._adam.state),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on where `state` was taken."""
        self.history = [Epoch(int(row[0]), *row[1:]) for row in checkpoint.history]
        losses = [epoch.validation_loss for epoch in self.history]
        best = int(np.nanargmin(losses))
        self.best_loss, self._since_best = losses[best], len(losses) - 1 - best
        self._model.set_weights(checkpoint.weights)
        self.best_weights, self._adam.state = list(checkpoint.best_weights), checkpoint.optimizer


def _batches(rng: np.random.Generator, n: int, batch_size: int) -> npt.NDArray[np.int32]:
    """Return a random order of all samples as rows of equal length; the few that are left over wait a turn."""
    size = min(batch_size, n)
    steps = n // size
    return rng.permutation(n)[: steps * size].reshape(steps, size).astype(np.int32)


def _compile_epoch(model: SparseAutoencoder, adam: Adam, data: tf.Tensor, validation: tf.Tensor) -> Any:
    variables = [variable.value for variable in model.trainable_variables]

    def step(batch: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        inputs = tf.gather(data, batch)
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            loss = tf.reduce_mean(tf.square(inputs - outputs)) + tf.add_n([*model.losses, 0.0])
        adam.apply(tape.gradient(loss, variables), rate)
        return loss

    def evaluate() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        codes = model.encoder(validation, training=False)
        penalty = tf.add_n([*model.encoder.losses, 0.0])
        error = tf.reduce_mean(tf.square(validation - model.decoder(codes, training=False)))
        return error + penalty, penalty, tf.reduce_mean(codes)

    # Written with the loop's own op: translating the Python of these functions would take longer than to trace them.
    @tf.function(autograph=False)  # type: ignore[untyped-decorator] # tensorflow has no types
    def run_epoch(batches: tf.Tensor, rate: tf.Tensor) -> tuple[tf.Tensor, ...]:
        count = tf.shape(batches)[0]

        def body(number: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return number + 1, total + step(batches[number], rate)

        _, total = tf.while_loop(lambda number, _: number < count, body, (0, 0.0))
        with tf.control_dependencies([total]):
            return (total / tf.cast(count, tf.float32), *evaluate())

    return run_epoch
