"""The weights of models of one structure, as plain arrays; one Keras model serves them all.

Keras keeps part of every model for the life of the process (0.3 MB each), and building one takes longer than drawing
its weights.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import numpy as np

from edge_runtime.arrays import FloatArray
from training.autoencoder import SparseAutoencoder, initializers, plain_network, set_learnt, variables_of
from training.run_folder import Network

Weights = tuple[FloatArray, ...]
"""As `training.autoencoder.learnt` returns them."""

_STRUCTURES = 16
_BATCH = 4096


@functools.lru_cache(maxsize=_STRUCTURES)
def skeleton(structure: str) -> SparseAutoencoder:
    """Return the Keras model of a structure (`SparseAutoencoder.structure`); its own weights are never changed."""
    return SparseAutoencoder(**json.loads(structure))


def initial_weights(structure: str, seed: int) -> Weights:
    """Return the weights that a new model with this seed has.

    >>> from training.autoencoder import learnt
    >>> model = SparseAutoencoder(3, 2, (4,), noise=0.1, seed=7)
    >>> drawn = initial_weights(model.structure, seed=7)
    >>> all(np.array_equal(one, other) for one, other in zip(drawn, learnt(model), strict=True))
    True
    """
    model, drawn = skeleton(structure), initializers(seed)
    kernels = {
        id(layer.kernel): np.asarray(next(drawn)(layer.kernel.shape))
        for layer in (*model.encoder.layers, *model.decoder.layers)
        if isinstance(layer, keras.layers.Dense)
    }
    if model.noise_state is not None:
        kernels[id(model.noise_state)] = np.asarray([seed, 0], model.noise_state.dtype)
    return tuple(kernels.get(id(variable), variable.numpy()) for variable in variables_of(model))


def model_of(structure: str, weights: Sequence[FloatArray], seed: int) -> SparseAutoencoder:
    """Return a Keras model with these weights."""
    model = SparseAutoencoder(**{**json.loads(structure), "seed": seed})
    set_learnt(model, weights)
    return model


def network_of(structure: str, weights: Sequence[FloatArray]) -> Network:
    """Return the network without Keras, penalty or optimizer."""
    with _wearing(structure, weights) as model:
        return plain_network(model)


def codes_of(structure: str, weights: Sequence[FloatArray], inputs: FloatArray) -> FloatArray:
    """Return the codes of scaled windows of shape (n, inputs), shape (n, units)."""
    with _wearing(structure, weights) as model:
        starts = range(0, len(inputs), _BATCH)
        return np.concatenate([np.asarray(model.encoder(inputs[start : start + _BATCH])) for start in starts])


@contextmanager
def _wearing(structure: str, weights: Sequence[FloatArray]) -> Iterator[SparseAutoencoder]:
    """Yield the structure's model with other weights, in this thread alone."""
    model = skeleton(structure)
    with keras.StatelessScope(list(zip(variables_of(model), weights, strict=True))):
        yield model
