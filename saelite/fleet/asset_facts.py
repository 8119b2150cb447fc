"""What a recording is like, in numbers that can be compared between assets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.recordings import Recording

_ROWS = 20_000


@dataclass(frozen=True)
class AssetFacts:
    """A recording's sensors, each alone and in pairs.

    Parameters
    ----------
    sensors : tuple of str
    level, deviation : tuple of float
        Median of each sensor, and standard deviation; both in the sensor's unit.
    correlations : tuple of float
        Pearson's, of each pair of sensors: (0, 1), (0, 2) … (1, 2) …; 0 where a sensor never moves.
    errors : tuple of float
        Mean squared error of each sensor's reconstruction by the fleet's common model, in scaled units; empty
        where there is none.
    """

    sensors: tuple[str, ...]
    level: tuple[float, ...]
    deviation: tuple[float, ...]
    correlations: tuple[float, ...]
    errors: tuple[float, ...] = ()


def facts_of(recording: Recording, errors: npt.NDArray[np.float64] | None = None) -> AssetFacts:
    """Return the facts of a recording; of very many rows, of evenly spread ones.

    Examples
    --------
    >>> facts = facts_of(Recording("pump", ("flow", "load"), np.float32([[1, 2], [2, 4], [3, 6]])))
    >>> facts.level, facts.deviation, facts.correlations
    ((2.0, 4.0), (0.816497, 1.63299), (1.0,))
    """
    rows = np.asarray(recording.values[:: -(-len(recording.values) // _ROWS)], np.float64)
    deviation = rows.std(axis=0)
    moving = np.where(deviation > 0, deviation, 1.0)
    scaled = (rows - rows.mean(axis=0)) / moving
    correlations = scaled.T @ scaled / len(rows)
    return AssetFacts(
        recording.sensors,
        _short(np.median(rows, axis=0)),
        _short(deviation),
        _short(correlations[np.triu_indices(len(deviation), 1)], 4),
        () if errors is None else _short(errors),
    )


def _short(values: npt.NDArray[np.float64], digits: int = 6) -> tuple[float, ...]:
    return tuple(float(f"{value:.{digits}g}") for value in values)
