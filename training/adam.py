"""Adam as one fused kernel per weight: faster to trace and to run than the Keras optimizer's graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7
# Models and units.
_BIAS_RANK = 2

START_POWERS = (_BETA_1, _BETA_2)
"""Of the first step."""


def adam_step(  # noqa: PLR0913 - the optimizer's state is the caller's
    weights: Sequence[Any],
    m: Sequence[Any],
    v: Sequence[Any],
    powers: Any,
    gradients: Sequence[Any],
    learning_rate: Any,
    weight_decay: float = 0.0,
) -> Any:
    """Take one step of Adam with decoupled weight decay, inside a graph; return the next step's powers.

    Parameters
    ----------
    weights, m, v : sequences of variable
        The weights to update and their two moments, initially zero; of shape (models, …).
    powers : tensor of shape (2,)
        The moments' decay rates raised to the step number; `START_POWERS` in the first step.
    gradients : sequence of tensor
    learning_rate : tensor of shape ()
    weight_decay : float
        Share of ``learning_rate * kernel`` subtracted from each kernel per step; biases are not decayed.

    References
    ----------
    Kingma and Ba (2015), Adam: a method for stochastic optimization.
    Loshchilov and Hutter (2019), Decoupled weight decay regularization.
    """
    power_1, power_2 = tf.unstack(powers)
    for weight, first, second, gradient in zip(weights, m, v, gradients, strict=True):
        if weight_decay and len(weight.shape) > _BIAS_RANK:
            weight.assign_sub(learning_rate * weight_decay * weight)
        tf.raw_ops.ResourceApplyAdam(
            var=weight.handle,
            m=first.handle,
            v=second.handle,
            beta1_power=power_1,
            beta2_power=power_2,
            lr=learning_rate,
            beta1=_BETA_1,
            beta2=_BETA_2,
            epsilon=_EPSILON,
            grad=gradient,
        )
    return powers * tf.constant(START_POWERS)
