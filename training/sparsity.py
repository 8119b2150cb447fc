"""The sparsity penalty: Kullback–Leibler divergence of the hidden units' mean activation from ρ.

``KL(rho || rho_hat) = rho log(rho / rho_hat) + (1 - rho) log((1 - rho) / (1 - rho_hat))``, summed over the
hidden units, where ``rho_hat`` is a unit's mean activation over the batch.

References
----------
Ng (2011), Sparse autoencoder, CS294A lecture notes, section 3.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from edge_runtime.errors import UsageError

# Mean activations are squeezed into [_EPSILON, 1 - _EPSILON]: a dead or saturated unit then has a finite
# divergence and, unlike with clipping, a gradient that can bring it back. Float32 still tells
# 1 - 1e-6 from 1.
_EPSILON = 1e-6


def kl_divergence(rho: float, rho_hat: Any) -> Any:
    """Return the divergence of each unit's mean activation from its target.

    Parameters
    ----------
    rho : float
        Target activation, in (0, 1).
    rho_hat : tensor of shape (units,)
        Mean activations, in [0, 1].

    Returns
    -------
    tensor of shape (units,)
        In nats; zero where ``rho_hat`` is `rho`, finite at 0 and 1.
    """
    squeezed = _EPSILON + (1.0 - 2.0 * _EPSILON) * rho_hat
    return rho * ops.log(rho / squeezed) + (1.0 - rho) * ops.log((1.0 - rho) / (1.0 - squeezed))


@keras.saving.register_keras_serializable(package="saelite")
class SparseLayer(keras.layers.Dense):  # type: ignore[misc] # Keras has no types
    """Sigmoid dense layer whose units learn to be active a fraction `rho` of the time.

    Adds ``alpha * sum(KL(rho || rho_hat))`` to the model's loss through ``add_loss``, with ``rho_hat`` the
    mean over the batch. The term is not divided by the batch size, so `alpha` means the same at any.

    Parameters
    ----------
    units : int
        Number of hidden units.
    rho : float
        Target activation, in (0, 1).
    alpha : float
        Penalty weight, 0 or more.
    **kwargs
        As of ``keras.layers.Dense``, without ``activation``, which is the sigmoid the penalty needs.

    Input shape: ``(batch, …, inputs)``. Output shape: ``(batch, …, units)``, values in (0, 1).

    Examples
    --------
    >>> layer = SparseLayer(32, rho=0.05, alpha=0.1)
    >>> layer(keras.ops.zeros((4, 8))).shape
    TensorShape([4, 32])
    """

    def __init__(self, units: int, rho: float = 0.05, alpha: float = 0.1, **kwargs: Any) -> None:
        _check(rho, alpha)
        activation = kwargs.pop("activation", "sigmoid")
        if activation not in ("sigmoid", keras.activations.sigmoid):
            raise UsageError(
                f"SparseLayer's activation is the sigmoid: its penalty needs values in (0, 1). Received: {activation!r}"
            )
        super().__init__(units, activation="sigmoid", **kwargs)
        self.rho, self.alpha = rho, alpha

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: FBT001 - Keras calls it so
        """Return the codes and add the penalty."""
        codes = super().call(inputs, training=training)
        rho_hat = ops.mean(ops.reshape(codes, (-1, self.units)), axis=0)
        self.add_loss(self.alpha * ops.sum(kl_divergence(self.rho, rho_hat)))
        return codes

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        config = super().get_config()
        del config["activation"]
        return {**config, "rho": self.rho, "alpha": self.alpha}


@keras.saving.register_keras_serializable(package="saelite")
class SparseLoss(keras.losses.Loss):  # type: ignore[misc] # Keras has no types
    """Mean squared error plus the sparsity penalty on the model's output (see `sparse_loss`)."""

    def __init__(self, rho: float = 0.05, alpha: float = 0.1, name: str = "sparse_loss", **kwargs: Any) -> None:
        _check(rho, alpha)
        super().__init__(name=name, **kwargs)
        self.rho, self.alpha = rho, alpha

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one loss per sample; the penalty, a property of the batch, is the same in each."""
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
        error = ops.mean(ops.square(y_true - y_pred), axis=-1)
        return error + self.alpha * ops.sum(kl_divergence(self.rho, ops.clip(ops.mean(y_pred, axis=0), 0.0, 1.0)))

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "rho": self.rho, "alpha": self.alpha}


def sparse_loss(rho: float = 0.05, alpha: float = 0.1) -> keras.losses.Loss:
    """Return a loss for ``model.compile``: mean squared error plus the penalty on the batch mean of ``y_pred``.

    Use it when what should be sparse is the model's *output*: an encoder trained by itself, or images
    that are mostly dark. To make the *hidden* units of an autoencoder sparse use `SparseLayer`, which sees
    them; a loss sees only ``y_true`` and ``y_pred``. Both may be used together.

    Parameters
    ----------
    rho : float
        Target activation, in (0, 1).
    alpha : float
        Penalty weight, 0 or more.

    Returns
    -------
    keras.losses.Loss
        Finite also for outputs of exactly 0 and 1; saved and loaded without ``custom_objects``.

    Examples
    --------
    >>> loss = sparse_loss(rho=0.05, alpha=0.0)
    >>> float(loss([[0.0, 1.0]], [[0.0, 0.5]]))
    0.125
    """
    return SparseLoss(rho, alpha)


def _check(rho: float, alpha: float) -> None:
    if not 0.0 < rho < 1.0:
        raise UsageError(f"rho is a mean activation: expected a number between 0 and 1, both excluded. Received: {rho}")
    if not alpha >= 0.0:
        raise UsageError(f"alpha weighs the penalty: expected 0 or more. Received: {alpha}")
