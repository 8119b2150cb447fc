"""Fleets to measure on: SKAB's recordings as assets, and simulated machines of one kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy.real_path import part_of
from benchmarks.accuracy.skab import TRAIN_ROWS, recordings
from benchmarks.simulator import KINDS, MachineSettings, SimulatedMachine, simulate
from training.recordings import Recording

LEARNT_ROWS, SMALL_ROWS, WATCHED_ROWS = 5000, 400, 4000
GROUPS = ("alike", "noisy", "worn", "small", "odd")
_SETTINGS = MachineSettings(sensors=8)
_NOISE, _WEAR = 0.5, 2.0
# Of the faults, as in `benchmarks.accuracy.scenarios`.
_SIZE, _SHARE = 2.0, 0.25


@dataclass(frozen=True)
class Member:
    """An asset: what it learns from, and what it is judged on.

    Parameters
    ----------
    group : str
    normal : Recording
    watched : Recording
        With labels.
    """

    group: str
    normal: Recording
    watched: Recording


def skab_fleet(folder: Path) -> list[Member]:
    """Return SKAB's recordings with anomalies, learnt from the first 400 rows and judged on the others."""
    found = (one for one in recordings(folder) if one.labels is not None)
    return [
        Member(one.name.split("/")[0], part_of(one, TRAIN_ROWS), part_of(one, len(one.values), TRAIN_ROWS))
        for one in found
    ]


def simulated_fleet(assets: int, seed: int) -> list[Member]:
    """Return machines of one kind, in turn of each group of `GROUPS`.

    All have the same drivers' weights, except the odd ones, which are other machines; each sensor of each asset has an
    offset and a gain of its own. Noisy ones have half a standard deviation of noise on each sensor; in worn ones a
    third of the sensors move by two in a straight line while they learn and are watched; small ones learn from 400
    rows.
    """
    return list(_simulated(assets, seed))


def _simulated(assets: int, seed: int) -> Iterator[Member]:
    rows = LEARNT_ROWS + WATCHED_ROWS
    kind = simulate(replace(_SETTINGS, rows=rows * assets), seed)
    for number in range(assets):
        group, rng = GROUPS[number % len(GROUPS)], np.random.default_rng((seed, number))
        part = slice(number * rows, (number + 1) * rows)
        own = simulate(replace(_SETTINGS, rows=rows), seed * assets + number + 10_000)
        machine = own if group == "odd" else replace(kind, values=kind.values[part], modes=kind.modes[part])
        machine = _with_faults(_as_asset(machine, group, rng), rng)
        start = LEARNT_ROWS - SMALL_ROWS if group == "small" else 0
        name = f"asset{number}"
        yield Member(group, machine.recording(name, start, LEARNT_ROWS), machine.recording(name, LEARNT_ROWS))


def _as_asset(machine: SimulatedMachine, group: str, rng: np.random.Generator) -> SimulatedMachine:
    sensors, sigmas = len(machine.sensors), machine.sigmas
    values = machine.values.astype(np.float64)
    if group == "noisy":
        values += rng.normal(0.0, _NOISE, values.shape) * sigmas
    if group == "worn":
        worn = rng.permutation(sensors)[: sensors // 3]
        values[:, worn] += np.linspace(0.0, _WEAR, len(values))[:, None] * sigmas[worn]
    gains, offsets = rng.uniform(0.5, 2.0, sensors), rng.normal(0.0, 5.0, sensors) * sigmas
    return replace(machine, values=(values * gains + offsets).astype(np.float32), sigmas=sigmas * gains)


def _with_faults(machine: SimulatedMachine, rng: np.random.Generator) -> SimulatedMachine:
    """Return the machine with a fault of each kind in the rows that are watched."""
    step = WATCHED_ROWS // len(KINDS)
    sensors = np.resize(rng.permutation(machine.sensors), len(KINDS)).tolist()
    for number, (kind, sensor) in enumerate(zip(KINDS, sensors, strict=True)):
        first = LEARNT_ROWS + number * step + step // 2
        machine = machine.with_fault(kind, sensor, first, first + round(_SHARE * step), _SIZE, rng)
    return machine
