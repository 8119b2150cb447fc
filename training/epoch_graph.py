"""An epoch as a compiled graph, traced once in a process for all models of the same structure.

To trace and optimise a graph takes longer than to train a small model. So this one takes all that differs
between such models as arguments: their weights, and how wide their layers are.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from edge_runtime.preprocessing import FloatArray
from training.adam import adam_step
from training.flat_network import FlatNetwork, Structure

# Graphs of so many structures are kept; a search over penalties makes one for each.
_GRAPHS = 16


@functools.lru_cache(maxsize=_GRAPHS)
def epoch_graph(structure: Structure) -> Any:
    """Return the compiled function that goes once through the training windows and looks at the validation ones.

    It moves `weights`, which lie end to end (see `training.flat_network`), and Adam's moments: one variable
    each, and so one kernel of Adam for a step.

    ============== ================ =====================================================================
    weights        variable, (p,)
    m, v           variables, (p,)  Adam's moments
    powers         (2,)             Adam's decay rates to the power of the next step
    average        (codes,)         moving average of the mean activations; only moved with momentum
    sizes          (layers + 1,)    int32, see `training.flat_network.layer_sizes`
    data           (n, inputs)      training windows
    validation     (m, inputs)      validation windows
    batches        (steps, batch)   int32, rows of `data`
    rate           ()               learning rate
    seed           (2,)             int32, of the noise
    ============== ================ =====================================================================

    It returns the four figures of `training.trainer.Epoch`, shape (4,), and the new `powers` and `average`.
    """
    # Nothing is translated from Python (autograph): that would take longer than to trace it.
    function = tf.function(functools.partial(_epoch, structure), autograph=False)
    return function.get_concrete_function(
        *(flat_variable(np.zeros(1, np.float32)) for _ in range(3)),
        *(_floats(2), _floats(None), _integers(len(structure.activations) + 1)),
        *(_floats(None, None), _floats(None, None), _integers(None, None)),
        *(_floats(), _integers(2)),
    )


def flat_variable(values: FloatArray) -> Any:
    """Return a variable that the graph takes: of a length that may change, as the graph fits all lengths."""
    return tf.Variable(values, shape=[None])


def _floats(*shape: int | None) -> Any:
    return tf.TensorSpec(shape, tf.float32)


def _integers(*shape: int | None) -> Any:
    return tf.TensorSpec(shape, tf.int32)


def _epoch(  # noqa: PLR0913 - see `epoch_graph`
    structure: Structure,
    weights: Any,
    m: Any,
    v: Any,
    powers: Any,
    average: Any,
    sizes: Any,
    data: Any,
    validation: Any,
    batches: Any,
    rate: Any,
    seed: Any,
) -> tuple[Any, Any, Any]:
    network = FlatNetwork(structure, sizes)
    steps = tf.shape(batches)[0]
    decay = structure.weight_decay * network.is_kernel() if structure.weight_decay else None

    def step(number: Any, total: Any, powers: Any, average: Any) -> tuple[Any, Any, Any, Any]:
        inputs, now = tf.gather(data, batches[number]), weights.read_value()
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(now)
            loss, average = network.training_loss(
                now, inputs, average, tf.random.experimental.stateless_fold_in(seed, number)
            )
        powers = adam_step(weights, m, v, powers, tape.gradient(loss, now), rate, decay)
        return number + 1, total + loss, powers, average

    start = (0, 0.0, powers, average)
    _, total, powers, average = tf.while_loop(lambda number, *_: number < steps, step, start)
    with tf.control_dependencies([total]):
        figures = network.validation_figures(weights.read_value(), validation)
    return tf.stack([total / tf.cast(steps, tf.float32), *figures]), powers, average
