"""The sparse autoencoder as a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from edge_runtime.run_folder import DenseLayer, Network
from training.sparsity import SparseLayer


@keras.saving.register_keras_serializable(package="saelite")
class SparseAutoencoder(keras.Model):  # type: ignore[misc] # Keras has no types
    """Dense autoencoder with a sparse code layer.

    ``inputs -> hidden … -> SparseLayer(code_size) -> hidden reversed … -> inputs``; the output is linear,
    as scaled sensor values have no bounds.

    Parameters
    ----------
    inputs : int
        Network inputs: sensors times window.
    code_size : int
        Units of the code layer; may exceed `inputs` (overcomplete), the penalty keeps it from copying.
    hidden : sequence of int
        Units of the layers between inputs and codes; the decoder mirrors them.
    rho, alpha : float
        Target activation and penalty weight of the code layer.
    activation : str
        Of the hidden layers.

    Input shape: ``(batch, inputs)``, scaled. Output shape: the same.
    """

    def __init__(  # noqa: PLR0913 - one per property of the model
        self,
        inputs: int,
        code_size: int = 32,
        hidden: Sequence[int] = (),
        rho: float = 0.05,
        alpha: float = 0.1,
        activation: str = "relu",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._config = {
            "inputs": inputs,
            "code_size": code_size,
            "hidden": list(hidden),
            "rho": rho,
            "alpha": alpha,
            "activation": activation,
        }
        self.encoder = keras.Sequential(
            [
                keras.Input((inputs,)),
                *(keras.layers.Dense(units, activation=activation) for units in hidden),
                SparseLayer(code_size, rho=rho, alpha=alpha),
            ],
            name="encoder",
        )
        self.decoder = keras.Sequential(
            [
                keras.Input((code_size,)),
                *(keras.layers.Dense(units, activation=activation) for units in reversed(hidden)),
                keras.layers.Dense(inputs),
            ],
            name="decoder",
        )
        self.build((None, inputs))

    def build(self, input_shape: Any) -> None:  # noqa: ARG002 - Keras calls it so
        """Do nothing: the parts are built in the constructor, where their sizes are known."""
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: FBT001 - Keras calls it so
        """Return the reconstruction."""
        return self.decoder(self.encoder(inputs, training=training), training=training)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), **self._config}


def plain_network(model: SparseAutoencoder) -> Network:
    """Return the model's weights without Keras, penalty or optimizer."""
    return Network(_plain_layers(model.encoder), _plain_layers(model.decoder))


def _plain_layers(part: keras.Sequential) -> tuple[DenseLayer, ...]:
    return tuple(
        DenseLayer(
            np.asarray(layer.kernel, np.float32),
            np.asarray(layer.bias, np.float32),
            keras.activations.serialize(layer.activation),
        )
        for layer in part.layers
    )
