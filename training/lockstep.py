"""Several models of one structure that take the same step at the same time, one product for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edge_runtime.arrays import FloatArray
from training.adam import START_POWERS
from training.epoch_graph import epoch_graph
from training.weights import Weights, skeleton

Batches = npt.NDArray[np.int32]


class Lockstep:
    """Weights, optimizer state and data of N models, stacked.

    Parameters
    ----------
    structure : str
        See `training.autoencoder.SparseAutoencoder.structure`.
    weight_decay : float
    weights : sequence of Weights
        Of each model.
    optimizers : sequence of Weights
        What `optimizer_of` returned for each, or nothing at the start.
    data : sequence of (ndarray, ndarray)
        Training and validation windows of each model, shape (n, inputs).
    """

    def __init__(
        self,
        structure: str,
        weight_decay: float,
        weights: Sequence[Weights],
        optimizers: Sequence[Weights],
        data: Sequence[tuple[FloatArray, FloatArray]],
    ) -> None:
        self._structure, self._weight_decay = structure, weight_decay
        trainable = len(skeleton(structure).trainable_variables)
        stacked = [np.stack(values) for values in zip(*weights, strict=True)]
        first, second = _moments(stacked[:trainable], optimizers)
        self._variables = [[tf.Variable(value) for value in part] for part in (stacked[:trainable], first, second)]
        self._fixed = [tf.constant(value) for value in stacked[trainable:]]
        self._powers = tf.constant(optimizers[0][-1] if optimizers[0] else START_POWERS, tf.float32)
        train, validation = zip(*data, strict=True)
        sizes = np.asarray([len(windows) for windows in validation], np.int32)
        self._snapshot: list[FloatArray] = []
        self._data = [tf.constant(_padded(train)), tf.constant(_padded(validation)), tf.constant(sizes)]

    def __len__(self) -> int:
        return int(self._data[-1].shape[0])

    def epoch(self, batches: Sequence[Batches], rate: float) -> npt.NDArray[np.float32]:
        """Train every model on its batches, shape (steps, batch); return the figures of each, shape (N, 4)."""
        graph = epoch_graph(self._structure, self._weight_decay, is_single=len(self) == 1)
        state = (*self._variables, self._fixed, self._powers)
        figures, self._fixed, self._powers = graph(
            *state, *self._data, tf.constant(np.stack(batches)), tf.constant(rate, tf.float32)
        )
        self._snapshot = []
        return np.asarray(figures)

    def weights_of(self, number: int) -> Weights:
        """Return the weights of a model."""
        # Of all models at once: reading those of one takes as long.
        self._snapshot = self._snapshot or [value.numpy() for value in (*self._variables[0], *self._fixed)]
        return tuple(value[number].copy() for value in self._snapshot)

    def optimizer_of(self, number: int) -> Weights:
        """Return Adam's moments and powers of a model."""
        return (*(value[number].numpy() for value in chain(*self._variables[1:])), self._powers.numpy())

    def only(self, numbers: Sequence[int]) -> Lockstep:
        """Return some of the models, which this object must not train any further."""
        kept = object.__new__(Lockstep)
        kept._structure, kept._weight_decay, kept._powers = self._structure, self._weight_decay, self._powers
        kept._snapshot = []
        kept._variables = [[tf.Variable(_chosen(value, numbers)) for value in part] for part in self._variables]
        kept._fixed, kept._data = ([_chosen(value, numbers) for value in part] for part in (self._fixed, self._data))
        return kept


def _moments(weights: Sequence[FloatArray], optimizers: Sequence[Weights]) -> tuple[list[FloatArray], list[FloatArray]]:
    if not optimizers[0]:
        return [np.zeros_like(value) for value in weights], [np.zeros_like(value) for value in weights]
    stacked = [np.stack(values) for values in zip(*(one[:-1] for one in optimizers), strict=True)]
    return stacked[: len(weights)], stacked[len(weights) :]


def _padded(parts: Sequence[FloatArray]) -> FloatArray:
    """Return arrays of shape (n_i, d) as one of shape (N, max n_i, d), with zeros behind the shorter ones."""
    longest = max(map(len, parts))
    stacked = np.zeros((len(parts), longest, parts[0].shape[1]), np.float32)
    for place, part in zip(stacked, parts, strict=True):
        place[: len(part)] = part
    return stacked


def _chosen(value: Any, numbers: Sequence[int]) -> Any:
    return tf.gather(value, tf.constant(numbers, tf.int32))
