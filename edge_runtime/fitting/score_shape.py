"""How normal scores are distributed, in logarithms: all of them, or their bulk."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edge_runtime.fitting.moments import Floats

TAIL = 0.1
"""Share of the scores that tell how heavy the tail is."""
_LEAST_IN_TAIL = 10.0
_ACCIDENTS = 0.05
# Of a standard normal distribution with everything above its 0.9 quantile set to that.
_CLIPPED_MEAN, _CLIPPED_SPREAD = -0.0473432, 0.9149240


class ScoreShape(NamedTuple):
    """What the limit needs of a distribution: its mean and spread, and an exponential tail above a level.

    Parameters
    ----------
    mean, spread : float
    tail_start, tail_share, tail_slope : float
        The share of scores above `tail_start`, and how far above it they are in the mean.
    """

    mean: float
    spread: float
    tail_start: float
    tail_share: float
    tail_slope: float

    def tail_level(self, n: float, share: float) -> float:
        """Return the level that the tail exceeds with probability `share`; -inf with too few independent scores, `n`.

        Logarithms of smoothed scores are often skewed; the highest ones show how much.
        """
        if n * TAIL < _LEAST_IN_TAIL or share >= self.tail_share:
            return -np.inf
        return self.tail_start + self.tail_slope * float(np.log(self.tail_share / share))


def shape_of_all(logs: Floats) -> ScoreShape:
    """Return the shape of logarithms of scores, shape (n,)."""
    start = float(np.quantile(logs, 1.0 - TAIL))
    spread = float(logs.std(ddof=1)) if len(logs) > 1 else 1.0
    return ScoreShape(float(logs.mean()), spread, start, TAIL, float((logs[logs >= start] - start).mean()))


def shape_of_bulk(logs: Floats) -> ScoreShape:
    """Return the shape without the highest twentieth, which may be accidents.

    Mean and spread are those of a normal distribution whose highest tenth is set to its 0.9 quantile; the tail is the
    exponential one through the 0.8 and 0.95 quantiles.

    >>> shape = shape_of_bulk(np.random.default_rng(0).normal(2.0, 0.5, 100_000))
    >>> round(shape.mean, 1), round(shape.spread, 1)
    (2.0, 0.5)
    """
    early, knee, start = (float(level) for level in np.quantile(logs, (0.8, 1.0 - TAIL, 1.0 - _ACCIDENTS)))
    clipped = np.minimum(logs, knee)
    spread = float(clipped.std(ddof=1)) / _CLIPPED_SPREAD
    mean = float(clipped.mean()) - _CLIPPED_MEAN * spread
    return ScoreShape(mean, spread, start, _ACCIDENTS, (start - early) / float(np.log(0.2 / _ACCIDENTS)))
