"""Normal recordings with a fault in one sensor at a time, to see which sensor is blamed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy import skab, tep
from benchmarks.accuracy.real_path import part_of
from benchmarks.simulator import MachineSettings, simulate
from benchmarks.simulator.faults import broken
from benchmarks.simulator.noise import Floats
from edge_runtime.errors import RecordingError
from training.recordings import Recording, read_recording

FAULTS = {
    "bias of 1 σ": ("bias", 1.0),
    "bias of 2 σ": ("bias", 2.0),
    "bias of 3 σ": ("bias", 3.0),
    "stuck": ("stuck", 1.0),
    "noise of 2 σ": ("noise", 2.0),
    "decorrelated": ("decorrelated", 1.0),
}
"""What a fault is called, its kind and its size in σ."""
MACHINE = MachineSettings(rows=7 * 1440)
_SHARE_LEARNT = 2 / 3
LEAD_ROWS, FAULT_ROWS = 100, 400


@dataclass(frozen=True)
class BlameTrial:
    """A machine to learn and to break.

    Parameters
    ----------
    name : str
    train : Recording
        Normal rows.
    normal : Recording
        Other normal rows, to put faults into.
    sigmas : ndarray of shape (sensors,)
        Standard deviation of each sensor, in its unit.
    """

    name: str
    train: Recording
    normal: Recording
    sigmas: Floats

    def stretch(self, fault: str, sensor: str, rng: np.random.Generator) -> tuple[Recording, Recording]:
        """Return a stretch of the normal rows as it is, and with a fault from row `LEAD_ROWS` on."""
        column = self.normal.sensors.index(sensor)
        length = min(LEAD_ROWS + FAULT_ROWS, len(self.normal.values))
        start = int(rng.integers(len(self.normal.values) - length + 1))
        kind, size = FAULTS[fault]
        values = self.normal.values.astype(np.float64)
        rows = slice(start + LEAD_ROWS, start + length)
        values[:, column] = broken(values[:, column], kind, rows, size, float(self.sigmas[column]), rng)
        broken_one = replace(self.normal, values=values.astype(np.float32))
        return part_of(self.normal, start + length, start), part_of(broken_one, start + length, start)


def simulated(seeds: range) -> Iterator[BlameTrial]:
    """Yield a simulated machine of 20 sensors for each seed."""
    cut = round(_SHARE_LEARNT * MACHINE.rows)
    for seed in seeds:
        machine = simulate(MACHINE, seed)
        train, normal = machine.recording("simulated", 0, cut), machine.recording("simulated", cut)
        yield BlameTrial("simulated", train, normal, machine.sigmas)


def of_tep(folder: Path, seeds: range) -> Iterator[BlameTrial]:
    """Yield the Tennessee Eastman process for each seed: learnt from one normal run, broken in the other."""
    found = tep.process(folder)
    for _ in seeds:
        yield BlameTrial("TEP", found.train, found.normal, _deviations(found.train))


def of_skab(folder: Path, seeds: range) -> Iterator[BlameTrial]:
    """Yield SKAB's normal recording for each seed: learnt from its first two thirds, broken in the last.

    Raises
    ------
    RecordingError
        If it is not there.
    """
    files = sorted((folder / skab.NORMAL_FOLDER).glob("*.csv"))
    if not files:
        raise RecordingError(f"{folder} has no normal recording. Expected SKAB's {skab.NORMAL_FOLDER}/*.csv.")
    whole = read_recording(files[0])
    cut = round(_SHARE_LEARNT * len(whole.values))
    train = part_of(whole, cut)
    for _ in seeds:
        yield BlameTrial("SKAB", train, part_of(whole, len(whole.values), cut), _deviations(train))


def _deviations(recording: Recording) -> Floats:
    return np.asarray(recording.values.std(axis=0, dtype=np.float64))
