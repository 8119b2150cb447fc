"""Synthetic faults: what breaks in machines, put into normal windows one sensor at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edge_runtime.preprocessing import FloatArray

Fault = Callable[[FloatArray, np.random.Generator], FloatArray]
# Sizes in scales of the sensor: small enough that no head finds all of them.
_BIAS, _DRIFT, _SPIKE, _NOISE = 2.0, 4.0, 6.0, 2.0
_SPIKE_SHARE = 0.1


def _sign(rng: np.random.Generator) -> float:
    return float(rng.choice((-1.0, 1.0)))


def _bias(sensor: FloatArray, rng: np.random.Generator) -> FloatArray:
    return sensor + _BIAS * _sign(rng)


def _drift(sensor: FloatArray, rng: np.random.Generator) -> FloatArray:
    return sensor + _sign(rng) * np.linspace(0.0, _DRIFT, len(sensor))[:, None]


def _spike(sensor: FloatArray, rng: np.random.Generator) -> FloatArray:
    return sensor + _SPIKE * rng.choice((-1.0, 1.0), sensor.shape) * (rng.random(sensor.shape) < _SPIKE_SHARE)


def _stuck(sensor: FloatArray, rng: np.random.Generator) -> FloatArray:
    return np.full_like(sensor, sensor[rng.integers(len(sensor)), 0])


def _noise(sensor: FloatArray, rng: np.random.Generator) -> FloatArray:
    return sensor + rng.normal(0.0, _NOISE, sensor.shape)


def _broken_correlation(sensor: FloatArray, rng: np.random.Generator) -> FloatArray:
    return np.roll(sensor, rng.integers(len(sensor) // 4, 3 * len(sensor) // 4 + 1), axis=0)


FAULTS: Mapping[str, Fault] = {
    "bias": _bias,
    "drift": _drift,
    "spike": _spike,
    "stuck": _stuck,
    "noise": _noise,
    "broken correlation": _broken_correlation,
}
"""Name of a fault to what it makes of one sensor's values in successive windows, shape (n, window), scaled."""


def with_fault(name: str, windows: FloatArray, sensor: int, rng: np.random.Generator) -> FloatArray:
    """Return windows of shape (n, window, sensors), scaled, with one sensor at fault; the others are as they were."""
    faulty = windows.copy()
    faulty[:, :, sensor] = FAULTS[name](windows[:, :, sensor], rng)
    return faulty
