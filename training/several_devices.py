"""One model on several accelerators: each takes a part of every batch, and their slopes are averaged.

saelite decides by itself: if tensorflow sees more than one accelerator, a model that is trained alone uses them all. It
sees those of ``CUDA_VISIBLE_DEVICES``; the commands hide them unless that is set, because a step of a small network
takes longer to send to an accelerator than to do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

Slopes = Callable[[list[Any], list[Any], Any], tuple[Any, list[Any], list[Any]]]
"""Takes weights, what the step does not learn, and a batch of shape (n, inputs); returns loss, gradients, and the new
values of what it does not learn."""


def accelerators() -> tuple[str, ...]:
    """Return the names of the accelerators that tensorflow sees."""
    return tuple(device.name for device in tf.config.list_logical_devices("GPU"))


def built_in_accelerators() -> int:
    """Return the number of accelerators that this computer has, whether tensorflow may see them or not."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def devices_text(devices: tuple[str, ...], visible: str | None, built_in: int) -> str:
    """Return on what a model is trained, and why not on several devices, as one line.

    Empty where there is nothing to say: without accelerators, unless some were asked for.

    Parameters
    ----------
    devices : tuple of str
        See `accelerators`.
    visible : str or None
        ``CUDA_VISIBLE_DEVICES`` of the environment.
    built_in : int
        Number of accelerators in the computer.

    Examples
    --------
    >>> devices_text(("/device:GPU:0", "/device:GPU:1"), "0,1", 2)
    'trains on 2 accelerators, which share every batch'
    >>> devices_text((), "0,1", 0)
    'trains on the processor: tensorflow sees no accelerator with CUDA_VISIBLE_DEVICES=0,1'
    """
    if len(devices) > 1:
        return f"trains on {len(devices)} accelerators, which share every batch"
    if devices:
        return "trains on one accelerator: tensorflow sees no other"
    if visible in (None, "-1"):
        why = "trains on the processor, which is faster for small networks; CUDA_VISIBLE_DEVICES=0,1 takes accelerators"
        return why if built_in else ""
    return f"trains on the processor: tensorflow sees no accelerator with CUDA_VISIBLE_DEVICES={visible}"


@functools.cache
def strategy_for(devices: tuple[str, ...]) -> Any:
    """Return the strategy that shares steps among devices; None if there are fewer than two."""
    return tf.distribute.MirroredStrategy(devices) if len(devices) > 1 else None


def shared(strategy: Any, slopes: Slopes) -> Slopes:
    """Return slopes that each device computes for its part of a batch, averaged.

    Sparsity penalties see a part's mean activation, not the batch's, so losses differ slightly from those of one
    device. Weights are not mirrored: they are small, and one optimizer changes them.
    """
    count = strategy.num_replicas_in_sync

    def averaged(now: list[Any], fixed: list[Any], inputs: Any) -> tuple[Any, list[Any], list[Any]]:
        def own() -> Any:
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            # A batch smaller than the number of devices: all of them take all of it.
            part = tf.cond(tf.shape(inputs)[0] < count, lambda: inputs, lambda: inputs[number::count])
            return slopes(now, fixed, part)

        parts = strategy.run(own)
        means: tuple[Any, list[Any], list[Any]] = tf.nest.map_structure(functools.partial(_mean, strategy), parts)
        return means

    return averaged


def _mean(strategy: Any, value: Any) -> Any:
    """Return the mean over devices; of a random generator's state, which is the same everywhere, the first."""
    first = strategy.experimental_local_results(value)[0]
    return strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None) if first.dtype.is_floating else first
