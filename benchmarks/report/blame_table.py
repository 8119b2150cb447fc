"""Which sensors were to blame, as one matrix of faults by sensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.report.formats import clock
from benchmarks.report.report_model import Array, FaultRow

_MAX_ROWS = 24


@dataclass(frozen=True)
class BlameMatrix:
    """Shares of blame.

    Parameters
    ----------
    faults, sensors : tuple of str
        Names of rows and columns; the most blamed sensor first.
    shares : ndarray of shape (faults, sensors)
        0..1; a row sums to less than 1 where sensors were left out.
    """

    faults: tuple[str, ...]
    sensors: tuple[str, ...]
    shares: Array


def blame_matrix(faults: tuple[FaultRow, ...], max_sensors: int) -> BlameMatrix:
    """Return the matrix of the most blamed sensors; many faults are averaged by name."""
    rows = [row for row in faults if row.blame]
    sensors = blamed_sensors(rows)[:max_sensors]
    shares = np.array([[dict(row.blame).get(sensor, 0.0) for sensor in sensors] for row in rows])
    longest_s = max((row.start_s for row in rows), default=0.0)
    names = [f"{row.fault}, {clock(row.start_s, longest_s)}" for row in rows]
    if len(rows) > _MAX_ROWS:
        names, shares = _by_name([row.fault for row in rows], shares)
    return BlameMatrix(tuple(names[:_MAX_ROWS]), sensors, shares[:_MAX_ROWS])


def blamed_sensors(faults: list[FaultRow]) -> tuple[str, ...]:
    """Return all sensors, the one with the greatest sum of shares first."""
    totals: dict[str, float] = {}
    for row in faults:
        for sensor, share in row.blame:
            totals[sensor] = totals.get(sensor, 0.0) + share
    return tuple(sorted(totals, key=lambda sensor: -totals[sensor]))


def _by_name(names: list[str], shares: Array) -> tuple[list[str], Array]:
    kinds = list(dict.fromkeys(names))
    of = np.array(names)
    return kinds, np.array([shares[of == kind].mean(axis=0) for kind in kinds])
