"""The same kind of machine at another site: other offsets, gains and noise, as with other sensors and another load."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.simulator.machine import SimulatedMachine

_MOST_OFFSET = 5.0
_GAINS = (0.5, 2.0)
_MOST_NOISE = 0.4


def elsewhere(machine: SimulatedMachine) -> SimulatedMachine:
    """Return a machine without faults at another site; the same machine always gives the same one.

    Each sensor's offset moves by up to 5 standard deviations, its gain is halved to doubled, and white noise of up to
    0.4 standard deviations is added.

    Examples
    --------
    >>> from benchmarks.simulator import MachineSettings, simulate
    >>> here = simulate(MachineSettings(rows=1000, sensors=3), seed=0)
    >>> (elsewhere(here).sigmas / here.sigmas).round(2)
    array([1.73, 1.65, 0.78])
    """
    rng = np.random.default_rng((machine.seed, len(machine.sensors)))
    sensors = len(machine.sensors)
    gains = np.exp(rng.uniform(np.log(_GAINS[0]), np.log(_GAINS[1]), sensors))
    offsets = rng.uniform(-_MOST_OFFSET, _MOST_OFFSET, sensors) * machine.sigmas
    noise = rng.normal(size=machine.values.shape) * rng.uniform(0.0, _MOST_NOISE, sensors) * machine.sigmas
    center = machine.values.mean(axis=0, dtype=np.float64)
    values = center + offsets + gains * (machine.values - center + noise)
    return replace(machine, values=values.astype(np.float32), sigmas=machine.sigmas * gains)
