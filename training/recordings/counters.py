"""Sensors that count: hours of work, energy drawn, parts made. No later value is like one that was learnt."""

from __future__ import annotations

import numpy as np

from training.recordings.stretches import Stretches

_FEWEST_STEPS = 100


def counters_in(rows: Stretches, sensors: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sensors that only ever rise, or only ever fall, a hundred times or more; rows in time order.

    What is measured is never that even: noise alone lets every second reading fall.

    Examples
    --------
    >>> hours, load = np.arange(500) // 2, np.arange(500) % 7
    >>> values = np.stack([hours, -hours, load], axis=1).astype(np.float32)
    >>> counters_in(Stretches(values, np.array([[0, 500]]), 1, 1), ("hours", "fuel", "load"))
    ('hours', 'fuel')
    """
    rises, falls = (np.zeros(len(sensors), np.int64) for _ in range(2))
    for block in rows.blocks():
        steps = np.diff(block, axis=0)
        rises += (steps > 0).sum(axis=0)
        falls += (steps < 0).sum(axis=0)
    counts = (np.minimum(rises, falls) == 0) & (np.maximum(rises, falls) >= _FEWEST_STEPS)
    return tuple(name for name, is_counter in zip(sensors, counts.tolist(), strict=True) if is_counter)
