"""Fitting autoencoders: whole epochs as one compiled graph, early stopping, best weights kept.

There is one trainer. Models of one structure that take the same number of steps are trained together, a product of all
of them at a time; a single model is a batch of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import RecordingError, SaeliteError
from training.autoencoder import SparseAutoencoder, learnt, set_learnt
from training.checkpoint import Checkpoint, CheckpointFile
from training.lockstep import Lockstep
from training.settings import DetectorSettings
from training.weights import Weights

# At the default sizes an epoch of a model takes 24 ms alone, 28 of two, 25 of three, 19 of four, 8 of 32, 8 of 64.
_FEWEST_TOGETHER, _MOST_TOGETHER = 4, 32


@dataclass(frozen=True)
class Epoch:
    """One line of the training history; losses are mean squared errors in scaled units plus the penalty."""

    epoch: int
    loss: float
    validation_loss: float
    penalty: float
    mean_activation: float


OnEpoch = Callable[[Epoch], None]


@dataclass(frozen=True)
class Task:
    """A model to fit.

    Parameters
    ----------
    structure : str
        See `training.autoencoder.SparseAutoencoder.structure`.
    weights : Weights
        To start from.
    train, validation : ndarray of shape (n, inputs), float32
        Scaled windows.
    settings : DetectorSettings
    on_epoch : callable
        Called after each epoch, for progress.
    checkpoint : CheckpointFile, optional
        Where to keep the training state. An existing one is resumed and gives the same weights as an uninterrupted
        training. The file is removed when the training is over.
    """

    structure: str
    weights: Weights
    train: FloatArray
    validation: FloatArray
    settings: DetectorSettings
    on_epoch: OnEpoch = lambda _: None
    checkpoint: CheckpointFile | None = None


@dataclass(frozen=True)
class Fitted:
    """The result of a fit.

    Parameters
    ----------
    weights : Weights
        Those of the best epoch.
    history : list of Epoch
    """

    weights: Weights
    history: list[Epoch]


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
    train, validation, settings, on_epoch, checkpoint
        See `Task`.

    Raises
    ------
    RecordingError
        If the loss is not finite in any epoch.
    """
    task = Task(model.structure, tuple(learnt(model)), train, validation, settings, on_epoch, checkpoint)
    (fitted,) = fit_many([task])
    if isinstance(fitted, SaeliteError):
        raise fitted
    set_learnt(model, fitted.weights)
    return fitted.history


def fit_many(tasks: Sequence[Task]) -> list[Fitted | SaeliteError]:
    """Train models until the validation loss of each stops falling; return what each came to, in order.

    A KeyboardInterrupt ends the training of a single model with its best epoch.

    Returns
    -------
    list of Fitted or SaeliteError
        RecordingError if the loss is not finite in any epoch; what a checkpoint that cannot be resumed raises.
    """
    fittings = [_Fitting(task) for task in tasks]
    try:
        for group in _groups(one for one in fittings if one.goes_on()):
            _run(group, _lockstep(group))
    except KeyboardInterrupt:
        if len(tasks) > 1 or not fittings[0].history:
            raise
    return [one.result() for one in fittings]


class _Fitting:
    """The training of one model between two epochs."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.weights = self.best = task.weights
        self.optimizer: Weights = ()
        self.history: list[Epoch] = []
        self._best_loss, self._since_best = np.inf, 0
        self._error: SaeliteError | None = None
        try:
            self._resume()
        except SaeliteError as error:
            self._error = error

    def goes_on(self) -> bool:
        """Return whether another epoch is due."""
        done, settings = len(self.history), self.task.settings
        if self._error or (done and not np.isfinite(self.history[-1].loss)):
            return False
        return done < (settings.epochs or 0) and self._since_best < settings.patience

    def pace(self) -> tuple[object, ...]:
        """Return what models must have in common to be trained together."""
        task, settings = self.task, self.task.settings
        schedule = (settings.epochs, settings.learning_rate, settings.decay, settings.weight_decay)
        return (task.structure, *schedule, self.next_batches().shape, len(self.history))

    def next_batches(self) -> npt.NDArray[np.int32]:
        """Return the samples of each step of the next epoch."""
        return epoch_batches(self.task.settings, len(self.history) + 1, len(self.task.train))

    def after_epoch(self, figures: npt.NDArray[np.float32], models: Lockstep, number: int) -> None:
        """Take down an epoch's figures, shape (4,), and keep the weights if they are the best."""
        self.history.append(Epoch(len(self.history) + 1, *figures.tolist()))
        self._since_best += 1
        if self.history[-1].validation_loss < self._best_loss:
            self._best_loss, self._since_best = self.history[-1].validation_loss, 0
            self.best = models.weights_of(number)
        file = self.task.checkpoint
        if file is not None and file.is_due():
            rows = tuple(tuple(vars(epoch).values()) for epoch in self.history)
            file.write(Checkpoint(rows, models.weights_of(number), self.best, models.optimizer_of(number)))
        self.task.on_epoch(self.history[-1])

    def result(self) -> Fitted | SaeliteError:
        """Return the best weights; RecordingError if there are none."""
        if self._error:
            return self._error
        if self.history and not np.isfinite(self._best_loss):
            return RecordingError(
                "the training did not reach a finite loss in any epoch. "
                f"Received: {self.history[-1].loss} after {len(self.history)} epoch(s). "
                "Look for extreme values in the recording, or choose a smaller learning rate or --alpha."
            )
        if self.task.checkpoint is not None:
            self.task.checkpoint.path.unlink(missing_ok=True)
        return Fitted(self.best, self.history)

    def _resume(self) -> None:
        file = self.task.checkpoint
        if not self.task.settings.epochs or file is None or (state := file.read()) is None:
            return
        self.history = [Epoch(int(row[0]), *row[1:]) for row in state.history]
        losses = [epoch.validation_loss for epoch in self.history]
        best = int(np.nanargmin(losses))
        self._best_loss, self._since_best = losses[best], len(losses) - 1 - best
        self.weights, self.best, self.optimizer = state.weights, state.best_weights, state.optimizer


def _groups(fittings: Iterable[_Fitting]) -> list[list[_Fitting]]:
    """Return the fittings that can be trained together, at most `_MOST_TOGETHER` at a time."""
    by_pace: dict[tuple[object, ...], list[_Fitting]] = {}
    for one in fittings:
        by_pace.setdefault(one.pace(), []).append(one)
    return [
        group[start : start + _MOST_TOGETHER]
        for group in by_pace.values()
        for start in range(0, len(group), _MOST_TOGETHER)
    ]


def _lockstep(group: Sequence[_Fitting]) -> Lockstep:
    tasks = [one.task for one in group]
    return Lockstep(
        tasks[0].structure,
        tasks[0].settings.weight_decay,
        [one.weights for one in group],
        [one.optimizer for one in group],
        [(task.train, task.validation) for task in tasks],
    )


def _run(group: Sequence[_Fitting], models: Lockstep) -> None:
    """Train until none goes on; what is finished leaves the batch."""
    while group:
        if 1 < len(group) < _FEWEST_TOGETHER:
            for number, one in enumerate(group):
                _run([one], models.only([number]))
            return
        rate = epoch_rate(group[0].task.settings, len(group[0].history) + 1)
        figures = models.epoch([one.next_batches() for one in group], rate)
        for number, one in enumerate(group):
            one.after_epoch(figures[number], models, number)
        going = [number for number, one in enumerate(group) if one.goes_on()]
        if len(going) < len(group):
            group = [group[number] for number in going]
            models = models.only(going) if going else models


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
