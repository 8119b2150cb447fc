"""How many alarms each limit would leave in a recording."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_runtime.fitting.moments import Floats

# Alarms this close to each other, as a share of the recording, are one.
_SAME_ALARM = 0.02


class AlarmCounts(NamedTuple):
    """The alarms that limits leave.

    Parameters
    ----------
    levels : ndarray of shape (n,), float64
        Ascending.
    left : ndarray of shape (n,), int64
        The most alarms that a limit at this level or a higher one leaves.
    """

    levels: Floats
    left: npt.NDArray[np.int64]

    def above(self, level: float) -> int:
        """Return the number of alarms that are left above a level."""
        return int(self.left[max(int(np.searchsorted(self.levels, level, side="right")) - 1, 0)])

    def lowest_with(self, most: float) -> float:
        """Return the lowest level that, with all above it, leaves at most so many alarms; -inf if every level does."""
        too_many = int((self.left > most).sum())
        return float(self.levels[too_many]) if too_many else -np.inf


def alarm_counts(scores: Floats) -> AlarmCounts:
    """Count the alarms of every limit.

    Scores that fall below a limit and soon rise above it again are one alarm: an accident in the recording is one,
    however its score moves.

    Parameters
    ----------
    scores : ndarray of shape (n,), float64
        In time order.

    Examples
    --------
    >>> counts = alarm_counts(np.tile(np.repeat([1.0, 5.0, 1.0, 3.0], 100), 2))
    >>> counts.above(2.0), counts.lowest_with(2)
    (4, 3.0)
    """
    levels, runs = runs_above(_highest_of_late(scores, max(1, int(_SAME_ALARM * len(scores)))))
    return AlarmCounts(levels, np.maximum.accumulate(runs[::-1])[::-1])


def runs_above(values: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return the distinct values, ascending, and how many runs of successive values lie above each.

    A value begins a run for all levels below it that the value before it does not exceed.

    >>> runs_above(np.array([0.0, 2.0, 1.0, 2.0, 0.0]))
    (array([0., 1., 2.]), array([1, 2, 0]))
    """
    before = np.concatenate([[-np.inf], values[:-1]])
    rises = values > before
    levels = np.unique(values)
    begun, over = (np.searchsorted(np.sort(ends[rises]), levels, side="right") for ends in (before, values))
    return levels, np.asarray(begun - over, np.int64)


def _highest_of_late(values: Floats, before: int) -> Floats:
    """Return the highest of each value and the `before` ones before it, shape (n,).

    >>> _highest_of_late(np.array([0.0, 2.0, 1.0, 0.0, 0.0]), before=1)
    array([0., 2., 2., 1., 0.])
    """
    found, reach = values.copy(), 0
    while reach < before:
        step = min(reach + 1, before - reach)
        found[step:] = np.maximum(found[step:], found[:-step])
        reach += step
    return found
