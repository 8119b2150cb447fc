"""Ten kinds of faults: nine of one sensor, made of its own values, and one of the machine.

Sizes are in standard deviations of the sensor, σ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.simulator.noise import Floats
from edge_runtime.errors import UsageError

SensorFault = Callable[[Floats, slice, float, float, np.random.Generator], Floats]
_SPIKE_SHARE, _SPIKE_SIZES = 0.1, 3.0
LEAK = "leak"


def _sign(rng: np.random.Generator) -> float:
    return float(rng.choice((-1.0, 1.0)))


def _bias(column: Floats, rows: slice, size: float, sigma: float, rng: np.random.Generator) -> Floats:
    """Move by `size`."""
    return np.asarray(column[rows] + _sign(rng) * size * sigma)


def _drift(column: Floats, rows: slice, size: float, sigma: float, rng: np.random.Generator) -> Floats:
    """Move from 0 to `size` in a straight line."""
    return np.asarray(column[rows] + _sign(rng) * sigma * np.linspace(0.0, size, rows.stop - rows.start))


def _spikes(column: Floats, rows: slice, size: float, sigma: float, rng: np.random.Generator) -> Floats:
    """Move a tenth of the readings by three times `size`, up or down."""
    hit = rng.random(rows.stop - rows.start) < _SPIKE_SHARE
    hit[0] = True
    return np.asarray(column[rows] + _SPIKE_SIZES * size * sigma * hit * rng.choice((-1.0, 1.0), len(hit)))


def _stuck(column: Floats, rows: slice, _: float, __: float, ___: np.random.Generator) -> Floats:
    """Repeat the first reading, whatever the `size`."""
    return np.full_like(column[rows], column[rows.start])


def _noise(column: Floats, rows: slice, size: float, sigma: float, rng: np.random.Generator) -> Floats:
    """Add white noise with a standard deviation of `size`."""
    return np.asarray(column[rows] + rng.normal(0.0, size * sigma, rows.stop - rows.start))


def _decorrelated(column: Floats, rows: slice, _: float, __: float, rng: np.random.Generator) -> Floats:
    """Take the sensor's readings from another time, whatever the `size`: usual, but out of step with the others."""
    apart = min(rows.stop - rows.start, len(column) // 2)
    shift = int(rng.integers(apart, max(len(column) - apart, apart) + 1))
    return np.roll(column, shift)[rows]


def _scale(column: Floats, rows: slice, size: float, _: float, __: np.random.Generator) -> Floats:
    """Read ``1 + size`` times as far from the mean."""
    mean = column.mean()
    return np.asarray(mean + (1.0 + size) * (column[rows] - mean))


def _dropout(column: Floats, rows: slice, _: float, __: float, ___: np.random.Generator) -> Floats:
    """Read 0 in the sensor's unit, whatever the `size`."""
    return np.zeros_like(column[rows])


def _lag(column: Floats, rows: slice, size: float, sigma: float, _: np.random.Generator) -> Floats:
    """Read what was true so much earlier that the readings differ by `size` from the true ones, root mean square.

    Where no delay of up to half of the rows is enough, the one that comes closest is taken.
    """
    delays = np.unique(np.geomspace(1, max(len(column) // 2, 2), 60).astype(int))
    differences = [np.sqrt(np.mean((column[delay:] - column[:-delay]) ** 2)) for delay in delays]
    delay = int(delays[np.argmin(np.abs(np.array(differences) - size * sigma))])
    return np.roll(column, delay)[rows]


SENSOR_FAULTS: Mapping[str, SensorFault] = {
    "bias": _bias,
    "drift": _drift,
    "spikes": _spikes,
    "stuck": _stuck,
    "noise": _noise,
    "decorrelated": _decorrelated,
    "scale": _scale,
    "dropout": _dropout,
    "lag": _lag,
}
"""From all values of a sensor, the rows of the fault, size, σ and generator to the faulty values of these rows."""
KINDS = (*SENSOR_FAULTS, LEAK)


def check_fault(kind: str, start: int, stop: int, rows: int) -> None:
    """Raise UsageError if the fault is unknown or the rows are out of range."""
    if kind not in KINDS:
        raise UsageError(f"unknown fault: expected one of {', '.join(KINDS)}. Received: {kind!r}")
    if not 0 <= start < stop <= rows:
        raise UsageError(f"expected rows of a fault between 0 and {rows}. Received: {start} to {stop}")


def broken(  # noqa: PLR0913 - what, where, how much and at which chance
    column: Floats, kind: str, rows: slice, size: float, sigma: float, rng: np.random.Generator
) -> Floats:
    """Return a sensor's values with a fault in some rows.

    Parameters
    ----------
    column : ndarray of shape (rows,)
    kind : str
        A key of `SENSOR_FAULTS`.
    rows : slice
        Start and stop of the fault.
    size : float
        In σ.
    sigma : float
        The sensor's standard deviation, in its unit.

    Examples
    --------
    >>> column = np.array([1.0, 2.0, 3.0, 4.0])
    >>> broken(column, "stuck", slice(1, 4), size=1.0, sigma=1.0, rng=np.random.default_rng(0))
    array([1., 2., 2., 2.])
    """
    faulty = column.astype(np.float64)
    faulty[rows] = SENSOR_FAULTS[kind](faulty, rows, size, sigma, rng)
    return faulty


def leak(  # noqa: PLR0913 - what moves, how it hangs together, where and how much
    values: Floats, weights: Floats, sensor: int, rows: slice, size: float, sigmas: Floats
) -> Floats:
    """Return values after a fault of the machine: one driver moves, but only half of the sensors learn of it.

    The driver is the one that `sensor` follows most; the sensors are those that follow it most. In the first tenth of
    the rows the driver moves until `sensor` is off by `size`.

    Parameters
    ----------
    values : ndarray of shape (rows, sensors)
    weights : ndarray of shape (sensors, drivers)
    sigmas : ndarray of shape (sensors,)
    """
    driver = int(np.abs(weights[sensor]).argmax())
    own = abs(weights[sensor, driver])
    # A sensor that follows its driver slightly less than the others still belongs to them.
    follows = np.abs(weights[:, driver]) >= min(float(np.median(np.abs(weights[:, driver]))), own)
    moved = np.where(follows, weights[:, driver] / own, 0.0) * sigmas
    length = rows.stop - rows.start
    ramp = np.minimum(np.arange(1, length + 1) / max(0.1 * length, 1.0), 1.0)
    faulty = values.copy()
    faulty[rows] += size * ramp[:, None] * moved
    return faulty
