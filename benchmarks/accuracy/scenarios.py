"""Kinds of simulated machines to measure on, and the faults put into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.simulator import KINDS, MachineSettings, SimulatedMachine, simulate
from training.recordings import Recording


@dataclass(frozen=True)
class Scenario:
    """A kind of machine.

    Parameters
    ----------
    settings : MachineSettings
    faulty_share : float
        Share of the learnt week in which a sensor is faulty, and nobody knows it.
    """

    settings: MachineSettings
    faulty_share: float = 0.0


_PLAIN = MachineSettings(rows=14 * 1440)
SCENARIOS: Mapping[str, Scenario] = {
    "plain": Scenario(_PLAIN),
    "three modes": Scenario(replace(_PLAIN, modes=3)),
    "three modes, season": Scenario(replace(_PLAIN, modes=3, season=1.0)),
    "drift": Scenario(replace(_PLAIN, drift=0.3, wear=0.05)),
    "three modes, drift": Scenario(replace(_PLAIN, modes=3, drift=0.3)),
    "standstill": Scenario(replace(_PLAIN, standstill=0.15)),
    "faulty minutes": Scenario(_PLAIN, faulty_share=0.05),
}
"""Two weeks of a reading a minute of 20 sensors."""
FAULT_SIZE = 2.0
_EPISODES, _ACCIDENTS = 8, 2
_EPISODE_SHARE = 0.25
"""Of the time from one episode's start to the next one's."""


@dataclass(frozen=True)
class ScenarioTrial:
    """One machine: a week to learn, another normal week, and that week once more with each kind of fault.

    Parameters
    ----------
    train, normal : Recording
    faulty : mapping of str to Recording
        By kind of fault: several labelled episodes, each in another sensor.
    """

    train: Recording
    normal: Recording
    faulty: Mapping[str, Recording]


def trial(name: str, scenario: Scenario, seed: int) -> ScenarioTrial:
    """Simulate a machine; the same scenario and seed always return the same one."""
    return trial_on(name, simulate(scenario.settings, seed), scenario.faulty_share)


def trial_on(name: str, machine: SimulatedMachine, faulty_share: float = 0.0) -> ScenarioTrial:
    """Return a trial on a machine without faults: its first half to learn, its second to watch."""
    half = len(machine.values) // 2
    faulty = {kind: _with_episodes(machine, kind, half).recording(f"{name}, {kind}", half) for kind in KINDS}
    learnt = _with_faulty_minutes(machine, half, faulty_share) if faulty_share else machine
    return ScenarioTrial(
        learnt.recording(f"{name}, learnt", 0, half), machine.recording(f"{name}, normal", half), faulty
    )


def _with_faulty_minutes(machine: SimulatedMachine, stop: int, share: float) -> SimulatedMachine:
    """Return the machine with two faulty stretches before `stop`, of two kinds and in two sensors by chance."""
    rng = np.random.default_rng((machine.seed, len(KINDS)))
    step, sensors = stop // _ACCIDENTS, rng.permutation(machine.sensors)
    for number, kind in enumerate(rng.permutation(KINDS)[:_ACCIDENTS]):
        first = number * step + step // 2
        machine = machine.with_fault(
            str(kind), str(sensors[number]), first, first + round(share * step), FAULT_SIZE, rng
        )
    return machine


def _with_episodes(machine: SimulatedMachine, kind: str, start: int) -> SimulatedMachine:
    """Return the machine with a kind of fault several times after `start`, with pauses for recovery."""
    rng = np.random.default_rng((machine.seed, KINDS.index(kind)))
    step = (len(machine.values) - start) // _EPISODES
    length = max(1, round(_EPISODE_SHARE * step))
    sensors = rng.permutation(np.resize(machine.sensors, _EPISODES))
    for number, sensor in enumerate(sensors):
        first = start + number * step + step // 2
        machine = machine.with_fault(kind, str(sensor), first, first + length, FAULT_SIZE, rng)
    return machine
