"""From settings and a seed to a machine."""

from __future__ import annotations

import numpy as np

from benchmarks.simulator.machine import SimulatedMachine
from benchmarks.simulator.machine_settings import MachineSettings
from benchmarks.simulator.mixing import CURRENT, Mixing
from benchmarks.simulator.modes import STANDSTILL, mode_rows
from benchmarks.simulator.noise import Floats, autocorrelated
from benchmarks.simulator.slow import slow_movement

_QUANTITIES = ("temperature", "pressure", "flow", "vibration", "level")
_OFFSETS = (60.0, 400.0, 30.0, 5.0, 200.0)
_SCALES = (4.0, 25.0, 2.0, 0.4, 10.0)
_CURRENT_A, _CURRENT_SCALE_A = 8.0, 0.8
_IDLE_SCALE_A = 0.02
_OWN_MEMORY_SHARE = 0.3
_WHITE_SHARE = 0.5


def simulate(settings: MachineSettings, seed: int) -> SimulatedMachine:
    """Return a machine without faults; the same settings and seed always return the same one.

    Examples
    --------
    >>> machine = simulate(MachineSettings(rows=1000, sensors=3, modes=2), seed=0)
    >>> machine.sensors, machine.values.shape
    (('current', 'temperature_1', 'pressure_1'), (1000, 3))
    >>> machine.values[0]
    array([  9.55,  77.64, 406.99], dtype=float32)
    """
    # One random stream per part: switching one on leaves the others unchanged.
    streams = np.random.SeedSequence(seed).spawn(5)
    machine, mode, driver, slow, noise = (np.random.default_rng(stream) for stream in streams)
    mixing = Mixing.draw(settings, machine)
    offsets, scales = _units(settings.sensors, machine)
    modes = mode_rows(settings, mode)
    memories = settings.rows_of(settings.memory_s) * machine.uniform(0.5, 1.5, settings.drivers)
    standard = mixing.sensors(autocorrelated(settings.rows, memories, driver), modes)
    standard += slow_movement(settings, slow) + _own_noise(settings, noise)
    values = offsets + scales * standard
    off = modes == STANDSTILL
    values[off, CURRENT] = np.abs(_IDLE_SCALE_A * noise.normal(size=int(off.sum())))
    return SimulatedMachine(
        settings, seed, names(settings.sensors), values.astype(np.float32), modes, mixing.weights[0], scales
    )


def names(sensors: int) -> tuple[str, ...]:
    """Return the names of the sensors.

    >>> names(4)
    ('current', 'temperature_1', 'pressure_1', 'flow_1')
    """
    kinds = len(_QUANTITIES)
    others = (f"{_QUANTITIES[number % kinds]}_{number // kinds + 1}" for number in range(sensors - 1))
    return ("current", *others)


def _units(sensors: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return usual level and standard deviation of each sensor, in its unit."""
    kinds = np.arange(sensors - 1) % len(_QUANTITIES)
    factors = rng.uniform(0.8, 1.25, (2, sensors - 1))
    offsets = np.concatenate([[_CURRENT_A], np.array(_OFFSETS)[kinds] * factors[0]])
    scales = np.concatenate([[_CURRENT_SCALE_A], np.array(_SCALES)[kinds] * factors[1]])
    return offsets, scales


def _own_noise(settings: MachineSettings, rng: np.random.Generator) -> Floats:
    """Return each sensor's own noise, half of its variance white."""
    memories = np.full(settings.sensors, _OWN_MEMORY_SHARE * settings.rows_of(settings.memory_s))
    slow = autocorrelated(settings.rows, memories, rng)
    white = rng.normal(size=slow.shape)
    return np.asarray(settings.noise * (np.sqrt(1.0 - _WHITE_SHARE) * slow + np.sqrt(_WHITE_SHARE) * white))
