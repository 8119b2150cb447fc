"""Adam as one fused kernel over all weights: quicker to trace and to run than the Keras optimizer's graph."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7

START_POWERS = (_BETA_1, _BETA_2)
"""Of the first step."""


def adam_step(  # noqa: PLR0913 - the optimizer's state is the caller's
    weights: Any, m: Any, v: Any, powers: Any, gradient: Any, learning_rate: Any, decay: Any = None
) -> Any:
    """Take one step of Adam with decoupled weight decay, inside a graph; return the next step's powers.

    Parameters
    ----------
    weights, m, v : variables of shape (p,)
        The weights to move and their two moments, zero at the start.
    powers : tensor of shape (2,)
        The decay rates of the moments to the power of the step's number; `START_POWERS` in the first.
    gradient : tensor of shape (p,)
    learning_rate : tensor of shape ()
    decay : tensor of shape (p,), optional
        Share of ``learning_rate * weight`` taken off each weight.

    References
    ----------
    Kingma and Ba (2015), Adam: a method for stochastic optimization.
    Loshchilov and Hutter (2019), Decoupled weight decay regularization.
    """
    if decay is not None:
        weights.assign_sub(learning_rate * decay * weights)
    tf.raw_ops.ResourceApplyAdam(
        var=weights.handle,
        m=m.handle,
        v=v.handle,
        beta1_power=powers[0],
        beta2_power=powers[1],
        lr=learning_rate,
        beta1=_BETA_1,
        beta2=_BETA_2,
        epsilon=_EPSILON,
        grad=gradient,
    )
    return powers * tf.constant(START_POWERS)
