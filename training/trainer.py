"""Fitting the autoencoder: whole epochs as one compiled graph, early stopping, best weights kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import RecordingError
from training.adam import START_POWERS
from training.autoencoder import SparseAutoencoder, learnt, set_learnt
from training.checkpoint import Checkpoint, CheckpointFile
from training.epoch_graph import epoch_graph
from training.settings import DetectorSettings


@dataclass(frozen=True)
class Epoch:
    """One line of the training history; losses are mean squared errors in scaled units plus the penalty."""

    epoch: int
    loss: float
    validation_loss: float
    penalty: float
    mean_activation: float


OnEpoch = Callable[[Epoch], None]


def fit(  # noqa: PLR0913 - model, data, settings, and two ways to follow the training
    model: SparseAutoencoder,
    train: FloatArray,
    validation: FloatArray,
    settings: DetectorSettings,
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
        Where to keep the training state. An existing one is resumed and gives the same weights as an uninterrupted
        training. The file is removed when the training is over.

    Raises
    ------
    RecordingError
        If the loss is not finite in any epoch.
    """
    if not settings.epochs:
        return []
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
    set_learnt(model, fitting.best)
    if checkpoint is not None:
        checkpoint.path.unlink(missing_ok=True)
    return fitting.history


class _Fitting:
    """The state of a training between two epochs."""

    def __init__(
        self, model: SparseAutoencoder, train: FloatArray, validation: FloatArray, settings: DetectorSettings
    ) -> None:
        self._settings, self._n, self._epochs = settings, len(train), settings.epochs or 0
        self._graph = epoch_graph(model.structure, settings.weight_decay)
        self._data = (tf.constant(train), tf.constant(validation))
        values, trainable = learnt(model), len(model.trainable_variables)
        self._weights = [tf.Variable(weight) for weight in values[:trainable]]
        self._moments = [[tf.Variable(tf.zeros_like(weight)) for weight in self._weights] for _ in range(2)]
        self._powers, self._fixed = tf.constant(START_POWERS), [tf.constant(value) for value in values[trainable:]]
        self.history: list[Epoch] = []
        self.best_loss, self._since_best = np.inf, 0
        self.best = self._learnt()

    def goes_on(self) -> bool:
        """Return whether another epoch is due."""
        done = len(self.history)
        if done and not np.isfinite(self.history[-1].loss):
            return False
        return done < self._epochs and self._since_best < self._settings.patience

    def epoch(self) -> None:
        """Train on every training window once, then compute the validation loss."""
        number = len(self.history) + 1
        settings = self._settings
        batches, rate = tf.constant(epoch_batches(settings, number, self._n)), epoch_rate(settings, number)
        figures, self._fixed, self._powers = self._graph(
            *(self._weights, *self._moments, self._fixed, self._powers),
            *(*self._data, batches, tf.constant(rate, tf.float32)),
        )
        self.history.append(Epoch(number, *figures.numpy().tolist()))
        self._since_best += 1
        if self.history[-1].validation_loss < self.best_loss:
            self.best_loss, self._since_best = self.history[-1].validation_loss, 0
            self.best = self._learnt()

    def state(self) -> Checkpoint:
        """Return all that another process needs to resume."""
        moments = (moment.numpy() for moment in chain(*self._moments))
        return Checkpoint(
            tuple(tuple(vars(epoch).values()) for epoch in self.history),
            weights=self._learnt(),
            best_weights=self.best,
            optimizer=(*moments, self._powers.numpy()),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Resume from what `state` returned."""
        self.history = [Epoch(int(row[0]), *row[1:]) for row in checkpoint.history]
        losses = [epoch.validation_loss for epoch in self.history]
        best = int(np.nanargmin(losses))
        self.best_loss, self._since_best = losses[best], len(losses) - 1 - best
        self.best = checkpoint.best_weights
        trainable = len(self._weights)
        weights, fixed = checkpoint.weights[:trainable], checkpoint.weights[trainable:]
        *moments, powers = checkpoint.optimizer
        for variable, values in zip(chain(self._weights, *self._moments), (*weights, *moments), strict=True):
            variable.assign(values)
        self._fixed, self._powers = [tf.constant(value) for value in fixed], tf.constant(powers)

    def _learnt(self) -> tuple[FloatArray, ...]:
        return tuple(value.numpy() for value in (*self._weights, *self._fixed))


def epoch_rate(settings: DetectorSettings, number: int) -> float:
    """Return the learning rate of an epoch, the first being 1."""
    gone = (number - 1) / (settings.epochs or 1) if settings.decay else 0.0
    return settings.learning_rate * (1.0 - gone)


def epoch_batches(settings: DetectorSettings, number: int, n: int) -> npt.NDArray[np.int32]:
    """Return the samples of each step of an epoch, shape (steps, batch), in random order without the remainder."""
    # Each epoch has its own generator, so a resumed training shuffles as if it had never stopped.
    rng = np.random.default_rng((settings.seed, number))
    size = min(settings.batch_size, n)
    steps = n // size
    return rng.permutation(n)[: steps * size].reshape(steps, size).astype(np.int32)
