"""The sparsity penalty: Kullback–Leibler divergence of the hidden units' mean activation from ρ.

``KL(rho || rho_hat) = rho log(rho / rho_hat) + (1 - rho) log((1 - rho) / (1 - rho_hat))``, summed over the
hidden units, where ``rho_hat`` is a unit's mean activation over the batch.

References
----------
Ng (2011), Sparse autoencoder, CS294A lecture notes, section 3.
"""

from __future__ import annotations

import math
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
    squeezed = _squeezed(rho_hat)
    return rho * ops.log(rho / squeezed) + (1.0 - rho) * ops.log((1.0 - rho) / (1.0 - squeezed))


def _squeezed(rho_hat: Any) -> Any:
    return _EPSILON + (1.0 - 2.0 * _EPSILON) * rho_hat


PENALTIES = ("kl", "l1", "topk", "none")
"""What keeps the codes sparse; see `SparseLayer`."""
_LOSSES = ("kl", "l1")


def penalty_of(penalty: str, rho: float, alpha: float, codes: Any, rho_hat: Any) -> Any:
    """Return what a penalty adds to the loss.

    Parameters
    ----------
    penalty : str
        One of `PENALTIES`.
    rho, alpha : float
        See `SparseLayer`.
    codes : tensor of shape (batch, units)
    rho_hat : tensor of shape (units,)
        Their mean activations.
    """
    if penalty == "kl":
        return alpha * ops.sum(kl_divergence(rho, rho_hat))
    return alpha * ops.sum(ops.mean(ops.abs(codes), axis=0)) if penalty == "l1" else 0.0


def moving_average(average: Any, batch_mean: Any, momentum: float) -> Any:
    """Return the average updated with a batch's mean activations."""
    return momentum * average + (1.0 - momentum) * batch_mean


@keras.saving.register_keras_serializable(package="saelite")
class SparseLayer(keras.layers.Dense):  # type: ignore[misc] # Keras has no types
    """Dense layer whose units learn to be active a fraction `rho` of the time.

    `penalty` says what the layer adds to the model's loss through ``add_loss``:

    - ``kl``: ``alpha * sum(KL(rho || rho_hat))`` over the units, ``rho_hat`` being their mean activation.
    - ``l1``: ``alpha * sum(mean(abs(codes)))``, the mean over the batch, the sum over the units; `rho` is not used.
    - ``topk``: nothing. Only the ``ceil(rho * units)`` largest codes of each sample are kept; the others are 0.
    - ``none``: nothing.

    No term is divided by the batch size, so `alpha` means the same at any batch size.

    Parameters
    ----------
    units : int
        Number of hidden units.
    rho : float
        Target activation, in (0, 1).
    alpha : float
        Penalty weight, 0 or more.
    penalty : str
        One of `PENALTIES`.
    momentum : float
        With 0, ``rho_hat`` is the mean over the batch. Above 0 it is a moving average over batches,
        ``momentum * rho_hat + (1 - momentum) * mean``, for batches too small to show a rate of `rho`; the
        gradient still flows through the batch at full strength.
    activation : str
        The penalty ``kl`` needs values in (0, 1), and so ``sigmoid``; the others take any activation.
    **kwargs
        Passed on to ``keras.layers.Dense``.

    Notes
    -----
    Input shape: ``(batch, …, inputs)``. Output shape: ``(batch, …, units)``.

    Examples
    --------
    >>> layer = SparseLayer(32, rho=0.05, alpha=0.1)
    >>> layer(keras.ops.zeros((4, 8))).shape
    TensorShape([4, 32])

    References
    ----------
    Makhzani and Frey (2014), k-sparse autoencoders.
    """

    def __init__(  # noqa: PLR0913 - one argument per option, as Keras layers have them
        self,
        units: int,
        rho: float = 0.05,
        alpha: float = 0.1,
        *,
        penalty: str = "kl",
        momentum: float = 0.0,
        activation: Any = "sigmoid",
        **kwargs: Any,
    ) -> None:
        _check(rho, alpha)
        _check_layer(penalty, momentum, activation)
        super().__init__(units, activation=activation, **kwargs)
        self.rho, self.alpha, self.penalty, self.momentum = rho, alpha, penalty, momentum
        self.kept = math.ceil(rho * units) if penalty == "topk" else 0
        """Number of codes kept per sample; 0 keeps all."""
        self.rho_hat = _MovingAverage(units, rho, momentum) if momentum else None

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: FBT001 - Keras' signature
        """Return the codes and add the penalty."""
        codes = super().call(inputs, training=training)
        flat = ops.reshape(codes, (-1, self.units))
        rho_hat = ops.mean(flat, axis=0)
        if training and self.rho_hat is not None:
            rho_hat = self.rho_hat(rho_hat)
        if self.penalty in _LOSSES:
            self.add_loss(penalty_of(self.penalty, self.rho, self.alpha, flat, rho_hat))
        return keep_largest(codes, self.kept) if self.kept else codes

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "rho": self.rho,
            "alpha": self.alpha,
            "penalty": self.penalty,
            "momentum": self.momentum,
        }


class _MovingAverage(keras.layers.Layer):  # type: ignore[misc] # Keras has no types
    """Moving average of the units' mean activations, from batch to batch."""

    def __init__(self, units: int, start: float, momentum: float) -> None:
        super().__init__()
        self._momentum = momentum
        self.average = self.add_weight(
            (units,), initializer=keras.initializers.Constant(start), trainable=False, name="rho_hat"
        )
        self.built = True

    def call(self, batch_mean: Any) -> Any:
        """Return the average; it is differentiated as the batch mean, so momentum does not weaken the gradient."""
        average = ops.stop_gradient(moving_average(self.average, batch_mean, self._momentum))
        self.average.assign(average)
        return batch_mean + (average - ops.stop_gradient(batch_mean))


def keep_largest(codes: Any, count: int) -> Any:
    """Return codes of shape (…, units) with all but the `count` largest of each sample set to 0; ties are kept."""
    values, _ = ops.top_k(codes, count)
    return codes * ops.cast(codes >= values[..., -1:], codes.dtype)


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
        rho_hat = ops.clip(ops.mean(y_pred, axis=0), 0.0, 1.0)
        return error + penalty_of("kl", self.rho, self.alpha, y_pred, rho_hat)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "rho": self.rho, "alpha": self.alpha}


def sparse_loss(rho: float = 0.05, alpha: float = 0.1) -> keras.losses.Loss:
    """Return a loss for ``model.compile``: mean squared error plus the penalty on the batch mean of ``y_pred``.

    Use it if the model's *output* should be sparse: an encoder trained on its own, or images that are mostly
    dark. To make the *hidden* units of an autoencoder sparse, use `SparseLayer`, which sees them; a loss sees only
    ``y_true`` and ``y_pred``. You can use both together.

    Parameters
    ----------
    rho : float
        Target activation, in (0, 1).
    alpha : float
        Penalty weight, 0 or more.

    Returns
    -------
    keras.losses.Loss
        Finite even for outputs of exactly 0 and 1; saved and loaded without ``custom_objects``.

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


def _check_layer(penalty: str, momentum: float, activation: Any) -> None:
    if penalty not in PENALTIES:
        raise UsageError(f"unknown penalty: expected one of {', '.join(PENALTIES)}. Received: {penalty!r}")
    if not 0.0 <= momentum < 1.0:
        raise UsageError(f"momentum: expected a number from 0 up to, not including, 1. Received: {momentum}")
    if penalty == "kl" and activation not in ("sigmoid", keras.activations.sigmoid):
        raise UsageError(
            f"the kl penalty needs codes in (0, 1), which the sigmoid gives. Received: activation {activation!r}. "
            "Choose another penalty (l1, topk, none), or the sigmoid."
        )
