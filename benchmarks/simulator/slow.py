"""What moves slowly: the day, drift and wear, in standard deviations of a sensor."""

from __future__ import annotations

import numpy as np

from benchmarks.simulator.machine_settings import MachineSettings
from benchmarks.simulator.noise import Floats

DAY_S = 86_400.0
_WORN_SHARE = 1 / 3


def slow_movement(settings: MachineSettings, rng: np.random.Generator) -> Floats:
    """Return how far the sensors are moved, shape (rows, sensors); nothing on the motor's current."""
    days = np.arange(settings.rows)[:, None] / (settings.rate_hz * DAY_S)
    moved = season(settings, days, rng) + drift(settings, rng) + wear(settings, days, rng)
    moved[:, 0] = 0.0
    return moved


def season(settings: MachineSettings, days: Floats, rng: np.random.Generator) -> Floats:
    """Return a cycle of 24 h: sensors follow it to different degrees, some against it, and at most 3 h late."""
    degrees = rng.uniform(0.3, 1.0, settings.sensors) * rng.choice((-1.0, 1.0), settings.sensors)
    late = rng.uniform(0.0, 1 / 8, settings.sensors)
    return np.asarray(settings.season * degrees * np.sin(2.0 * np.pi * (days - late)))


def drift(settings: MachineSettings, rng: np.random.Generator) -> Floats:
    """Return a random walk of each sensor, with the standard deviation asked for after a day."""
    step = settings.drift / np.sqrt(settings.rows_of(DAY_S))
    return np.asarray(step * rng.normal(size=(settings.rows, settings.sensors)).cumsum(axis=0))


def wear(settings: MachineSettings, days: Floats, rng: np.random.Generator) -> Floats:
    """Return a straight line for a third of the sensors, at least one."""
    worn = rng.permutation(settings.sensors) < max(1.0, settings.sensors * _WORN_SHARE)
    return np.asarray(settings.wear * days * np.where(worn, rng.choice((-1.0, 1.0), settings.sensors), 0.0))
