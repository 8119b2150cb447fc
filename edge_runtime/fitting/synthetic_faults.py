"""Synthetic faults, added to stretches of normal windows, one sensor at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray

Floats = npt.NDArray[np.float64]
Fault = Callable[[FloatArray, float, np.random.Generator], Floats]
# Sizes in standard deviations of the sensor: small enough that no head finds all of them.
_DRIFT, _SPIKE, _NOISE = 4.0, 6.0, 2.0
_SPIKE_SHARE = 0.1


def _sign(rng: np.random.Generator) -> float:
    return float(rng.choice((-1.0, 1.0)))


def _bias(size: float) -> Fault:
    return lambda sensor, scale, rng: sensor + size * scale * _sign(rng)


def _drift(sensor: FloatArray, scale: float, rng: np.random.Generator) -> Floats:
    return np.asarray(sensor + scale * _sign(rng) * np.linspace(0.0, _DRIFT, len(sensor))[:, None])


def _spike(sensor: FloatArray, scale: float, rng: np.random.Generator) -> Floats:
    spikes = rng.choice((-1.0, 1.0), sensor.shape) * (rng.random(sensor.shape) < _SPIKE_SHARE)
    return np.asarray(sensor + _SPIKE * scale * spikes)


def _stuck(sensor: FloatArray, _: float, rng: np.random.Generator) -> Floats:
    return np.full(sensor.shape, sensor[rng.integers(len(sensor)), 0], np.float64)


def _noise(sensor: FloatArray, scale: float, rng: np.random.Generator) -> Floats:
    return np.asarray(sensor + rng.normal(0.0, _NOISE * scale, sensor.shape))


def _broken_correlation(sensor: FloatArray, _: float, rng: np.random.Generator) -> Floats:
    shift = rng.integers(len(sensor) // 4, 3 * len(sensor) // 4 + 1)
    return np.asarray(np.roll(sensor, shift, axis=0), np.float64)


FAULTS: Mapping[str, Fault] = {
    "bias 1": _bias(1.0),
    "bias 2": _bias(2.0),
    "bias 3": _bias(3.0),
    "drift": _drift,
    "spike": _spike,
    "stuck": _stuck,
    "noise": _noise,
    "broken correlation": _broken_correlation,
}
"""Name of a fault to what it makes of one sensor's values in successive windows, shape (n, window), raw."""


def with_fault(name: str, windows: FloatArray, sensor: int, scale: float, rng: np.random.Generator) -> FloatArray:
    """Return successive raw windows, shape (n, window, sensors), with one faulty sensor; the others are unchanged.

    Parameters
    ----------
    scale : float
        Standard deviation of the sensor.
    """
    faulty = windows.copy()
    faulty[:, :, sensor] = FAULTS[name](windows[:, :, sensor], scale, rng)
    return faulty
