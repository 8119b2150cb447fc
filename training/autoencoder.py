"""The sparse autoencoder as a Keras model."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from edge_runtime.arrays import FloatArray
from training.run_folder import DenseLayer, Network
from training.settings import DetectorSettings
from training.sparsity import SparseLayer

_STRUCTURES = 64


@keras.saving.register_keras_serializable(package="saelite")
class SparseAutoencoder(keras.Model):  # type: ignore[misc] # Keras has no types
    """Dense autoencoder with a sparse code layer; its defaults are those of `training.settings.DetectorSettings`.

    ``inputs -> hidden … -> SparseLayer(code_size) -> hidden reversed … -> inputs``.

    Parameters
    ----------
    inputs : int
        Network inputs: sensors times window.
    code_size : int
        Units of the code layer. It may exceed `inputs` (overcomplete); the penalty then keeps it from copying.
    hidden : sequence of int
        Units of the layers between inputs and codes; the decoder mirrors them.
    rho, alpha, penalty, momentum, code_activation
        Settings of the code layer, see `training.sparsity.SparseLayer`.
    activation : str
        Activation of the hidden layers.
    output : str
        Activation of the last layer: ``linear``, because scaled sensor values have no bounds, or ``sigmoid`` for
        inputs in [0, 1].
    tied : bool
        Whether the decoder uses the encoder's kernels, transposed: half the weights to learn.
    noise : float
        Standard deviation of Gaussian noise on the inputs in training; the reconstruction target is the clean
        input (denoising, Vincent et al., 2008).
    seed : int, optional
        Seed of the initial weights; without it they come from Keras's global generator.

    Notes
    -----
    Input shape: ``(batch, inputs)``, scaled. Output shape: the same.
    """

    def __init__(  # noqa: PLR0913 - one argument per option, as Keras models have them
        self,
        inputs: int,
        code_size: int = DetectorSettings.code_size,
        hidden: Sequence[int] = DetectorSettings.hidden,
        rho: float = DetectorSettings.rho,
        alpha: float = DetectorSettings.alpha,
        activation: str = "relu",
        *,
        penalty: str = DetectorSettings.penalty,
        momentum: float = DetectorSettings.momentum,
        code_activation: str = DetectorSettings.code_activation,
        output: str = "linear",
        tied: bool = DetectorSettings.tied,
        noise: float = DetectorSettings.noise,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        code: dict[str, Any] = {"rho": rho, "alpha": alpha, "penalty": penalty, "momentum": momentum}
        self._config = {
            "inputs": inputs, "code_size": code_size, "hidden": list(hidden), **code, "activation": activation,
            "code_activation": code_activation, "output": output, "tied": tied, "noise": noise,
            "seed": seed,
        }  # fmt: skip
        kernels = initializers(seed)

        def dense(units: int, activation: str) -> keras.layers.Dense:
            return keras.layers.Dense(units, activation=activation, kernel_initializer=next(kernels))

        layers = [
            *(dense(units, activation) for units in hidden),
            SparseLayer(code_size, activation=code_activation, kernel_initializer=next(kernels), **code),
        ]
        self.encoder = keras.Sequential([keras.Input((inputs,)), *layers], name="encoder")
        sizes, activations = (*reversed(hidden), inputs), (*(activation for _ in hidden), output)
        make = [_tied_to(layer) if tied else dense for layer in reversed(layers)]
        decoder = [made(size, name) for made, size, name in zip(make, sizes, activations, strict=True)]
        self.decoder = keras.Sequential([keras.Input((code_size,)), *decoder], name="decoder")
        self.noise = noise
        self._noise_source = keras.random.SeedGenerator(seed or 0) if noise else None
        self.build((None, inputs))

    def build(self, input_shape: Any) -> None:  # noqa: ARG002 - Keras' signature
        """Do nothing: the parts are built in the constructor, where their sizes are known."""
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: FBT001 - Keras' signature
        """Return the reconstruction."""
        seen = self.noisy(inputs) if training else inputs
        return self.decoder(self.encoder(seen, training=training), training=training)

    def noisy(self, inputs: Any) -> Any:
        """Return the inputs as training sees them: with noise, if there is any."""
        if not self.noise:
            return inputs
        return inputs + self.noise * keras.random.normal(ops.shape(inputs), seed=self._noise_source)

    @property
    def noise_state(self) -> Any:
        """The variable of the noise generator's state, shape (2,); None without noise."""
        return None if self._noise_source is None else self._noise_source.state

    @property
    def structure(self) -> str:
        """The constructor's arguments as JSON, the same for models that differ only in their weights."""
        return json.dumps({**self._config, "seed": 0})

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), **self._config}


def structure_of(inputs: int, **options: Any) -> str:
    """Return `SparseAutoencoder.structure` of a model with these arguments, without building a second one of a kind."""
    return _structure_of(inputs, json.dumps(options))


@functools.lru_cache(maxsize=_STRUCTURES)
def _structure_of(inputs: int, options: str) -> str:
    return SparseAutoencoder(inputs, **json.loads(options)).structure


class _TiedDense(keras.layers.Layer):  # type: ignore[misc] # Keras has no types
    """Dense layer that uses another layer's kernel, transposed, and its own bias."""

    def __init__(self, source: Callable[[], keras.layers.Dense], units: int, activation: str) -> None:
        super().__init__()
        # A function, because Keras would count the weights of a layer stored here twice.
        self._source, self._units = source, units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:  # noqa: ARG002 - Keras' signature
        """Create the bias."""
        self.bias = self.add_weight((self._units,), initializer="zeros", name="bias")

    @property
    def kernel(self) -> Any:
        """The other layer's kernel, transposed, shape (inputs, units)."""
        return ops.transpose(self._source().kernel)

    def call(self, inputs: Any) -> Any:
        """Return the activations."""
        return self.activation(ops.matmul(inputs, self.kernel) + self.bias)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the activations."""
        return (*input_shape[:-1], self._units)


def initializers(seed: int | None) -> Iterator[keras.initializers.Initializer]:
    """Yield the initializer of each kernel in turn, those of the encoder first."""
    # Seeded one by one: seeding Keras's global generator makes tensorflow discard every compiled graph.
    draw = None if seed is None else random.Random(seed)  # noqa: S311 - weights are not secrets
    while True:
        yield keras.initializers.GlorotUniform(None if draw is None else draw.randint(1, 10**9))


def _tied_to(layer: keras.layers.Dense) -> Callable[..., _TiedDense]:
    return lambda units, activation: _TiedDense(lambda: layer, units, activation)


def learnt(model: SparseAutoencoder) -> list[FloatArray]:
    """Return everything that training changes: the trainable weights, then averages and the noise generator's state."""
    return [variable.numpy() for variable in variables_of(model)]


def set_learnt(model: SparseAutoencoder, values: Sequence[FloatArray]) -> None:
    """Give a model what `learnt` returned."""
    for variable, value in zip(variables_of(model), values, strict=True):
        variable.assign(value)


def variables_of(model: SparseAutoencoder) -> list[Any]:
    """Return the variables whose values `learnt` returns."""
    return [*model.trainable_variables, *model.non_trainable_variables]


def plain_network(model: SparseAutoencoder) -> Network:
    """Return the model's weights without Keras, penalty or optimizer."""
    return Network(_plain_layers(model.encoder), _plain_layers(model.decoder), model.encoder.layers[-1].kept)


def _plain_layers(part: keras.Sequential) -> tuple[DenseLayer, ...]:
    return tuple(
        DenseLayer(
            np.asarray(layer.kernel, np.float32),
            np.asarray(layer.bias, np.float32),
            keras.activations.serialize(layer.activation),
        )
        for layer in part.layers
    )
