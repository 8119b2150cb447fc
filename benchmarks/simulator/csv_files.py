"""Simulated machines as CSV files: one normal recording, and one with each kind of fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np

from benchmarks.simulator.faults import KINDS
from benchmarks.simulator.machine import START, SimulatedMachine
from edge_runtime.common.atomic import unwritable, write_atomically

_FAULT_SHARE = 0.1


def write_folder(machine: SimulatedMachine, folder: Path, size: float, on_file: Callable[[Path], None]) -> None:
    """Write ``normal.csv``, the first half of the rows, and one file per kind of fault, the second half.

    Parameters
    ----------
    machine : SimulatedMachine
        Without faults.
    folder : Path
        Made if it is not there.
    size : float
        Of the faults, in standard deviations of the sensor; each fills a tenth of its file, in its middle.
    on_file : callable
        Called with each file that was written.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    half = len(machine.values) // 2
    for name, one, start, stop in _files(machine, half, size):
        path = folder / f"{name}.csv"
        write_atomically(path, csv_text(one, start, stop).encode())
        on_file(path)


def _files(machine: SimulatedMachine, half: int, size: float) -> Iterator[tuple[str, SimulatedMachine, int, int]]:
    rows = len(machine.values)
    yield "normal", machine, 0, half
    length = max(1, round(_FAULT_SHARE * (rows - half)))
    start = half + (rows - half - length) // 2
    rng = np.random.default_rng((machine.seed, rows))
    for kind in KINDS:
        sensor = str(rng.choice(machine.sensors))
        yield kind, machine.with_fault(kind, sensor, start, start + length, size, rng), half, rows


def csv_text(machine: SimulatedMachine, start: int, stop: int) -> str:
    """Return some rows as CSV: time, the sensors, and whether the row is faulty."""
    lines = [",".join(("time", *machine.sensors, "anomaly"))]
    faulty = machine.labels
    for row in range(start, stop):
        time = START.replace(tzinfo=None) + timedelta(seconds=row / machine.rate_hz)
        values = ",".join(f"{value:.6g}" for value in machine.values[row].tolist())
        lines.append(f"{time.isoformat(timespec='milliseconds')},{values},{int(faulty[row])}")
    return "\n".join(lines) + "\n"
