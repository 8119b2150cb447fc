"""An epoch as a compiled graph, traced once per process for all models of the same structure.

Tracing and optimising a graph takes longer than training a small model. Everything that differs between models of
one structure, their weights and layer widths, is therefore an argument of the graph.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from edge_runtime.arrays import FloatArray
from training.adam import adam_step
from training.network_graph import Structure, batch_gradients, validation_figures

# Number of structures whose graphs are kept; a search over penalties needs one for each.
_GRAPHS = 16


@functools.lru_cache(maxsize=_GRAPHS)
def epoch_graph(structure: Structure) -> Any:
    """Return the compiled function that trains on all windows once and evaluates the validation windows.

    It updates the weights and Adam's moments. Its arguments:

    ============== ==================== ================================================================
    weights        list of variables    as the model's ``trainable_variables``, from `free_variable`
    m, v           lists of variables   Adam's moments
    powers         (2,)                 Adam's decay rates to the power of the next step
    average        (codes,)             moving average of the mean activations; only moved with momentum
    data           (n, inputs)          training windows
    validation     (m, inputs)          validation windows
    batches        (steps, batch)       int32, rows of `data`
    rate           ()                   learning rate
    seed           (2,)                 int32, of the noise
    ============== ==================== ================================================================

    It returns the four figures of `training.trainer.Epoch`, shape (4,), and the new `powers` and `average`.
    """
    # No autograph: converting the Python code would take longer than tracing it.
    function = tf.function(functools.partial(_epoch, structure), autograph=False)
    samples = [np.zeros([1] * dimensions, np.float32) for dimensions in structure.dimensions]
    return function.get_concrete_function(
        *([free_variable(sample) for sample in samples] for _ in range(3)),
        *(_floats(2), _floats(None)),
        *(_floats(None, None), _floats(None, None), _integers(None, None)),
        *(_floats(), _integers(2)),
    )


def free_variable(values: FloatArray) -> Any:
    """Return a variable for the graph: its shape may change, because the graph serves all sizes."""
    return tf.Variable(values, shape=[None] * values.ndim)


def _floats(*shape: int | None) -> Any:
    return tf.TensorSpec(shape, tf.float32)


def _integers(*shape: int | None) -> Any:
    return tf.TensorSpec(shape, tf.int32)


def _epoch(  # noqa: PLR0913 - see `epoch_graph`
    structure: Structure,
    weights: list[Any],
    m: list[Any],
    v: list[Any],
    powers: Any,
    average: Any,
    data: Any,
    validation: Any,
    batches: Any,
    rate: Any,
    seed: Any,
) -> tuple[Any, Any, Any]:
    steps = tf.shape(batches)[0]

    def step(number: Any, total: Any, powers: Any, average: Any) -> tuple[Any, Any, Any, Any]:
        inputs, now = tf.gather(data, batches[number]), [weight.read_value() for weight in weights]
        seed_of_step = functools.partial(tf.random.experimental.stateless_fold_in, seed, number)
        loss, gradients, average = batch_gradients(structure, now, inputs, average, seed_of_step)
        powers = adam_step(weights, m, v, powers, gradients, rate, structure.weight_decay)
        return number + 1, total + loss, powers, average

    start = (0, 0.0, powers, average)
    # Each step needs the previous one: searching for iterations to run in parallel only takes time.
    _, total, powers, average = tf.while_loop(lambda number, *_: number < steps, step, start, parallel_iterations=1)
    with tf.control_dependencies([total]):
        figures = validation_figures(structure, [weight.read_value() for weight in weights], validation)
    return tf.stack([total / tf.cast(steps, tf.float32), *figures]), powers, average
