"""What the simulator returns: readings, what the machine did, and the faults put in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone

import numpy as np

from benchmarks.simulator.faults import LEAK, broken, check_fault, leak
from benchmarks.simulator.machine_settings import MachineSettings
from benchmarks.simulator.modes import Modes
from benchmarks.simulator.noise import Floats
from edge_runtime.arrays import BoolArray, FloatArray
from edge_runtime.errors import UsageError
from training.recordings import Recording

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""When every machine is switched on."""


@dataclass(frozen=True)
class MachineFault:
    """A fault that was put in.

    Parameters
    ----------
    kind : str
        One of `benchmarks.simulator.faults.KINDS`.
    culprit : str
        The sensor to blame; of a leak the one that it was sized by.
    start, stop : int
        First row, and the row after the last.
    size : float
        In `SimulatedMachine.sigmas` of the culprit.
    """

    kind: str
    culprit: str
    start: int
    stop: int
    size: float


@dataclass(frozen=True)
class SimulatedMachine:
    """Readings of one machine.

    Parameters
    ----------
    settings : MachineSettings
    seed : int
    sensors : tuple of str
    values : ndarray of shape (rows, sensors), float32
        In the sensors' units.
    modes : ndarray of shape (rows,), int64
        0 … modes - 1, -1 at standstill.
    weights : ndarray of shape (sensors, drivers)
        How the sensors follow the drivers in the first mode.
    sigmas : ndarray of shape (sensors,)
        Standard deviation that the drivers give each sensor in the first mode: the same whatever season, drift or
        modes there are beside it.
    faults : tuple of MachineFault
        In the order they were put in.
    """

    settings: MachineSettings
    seed: int
    sensors: tuple[str, ...]
    values: FloatArray
    modes: Modes
    weights: Floats
    sigmas: Floats
    faults: tuple[MachineFault, ...] = ()

    @property
    def rate_hz(self) -> float:
        """Readings per second."""
        return self.settings.rate_hz

    @property
    def labels(self) -> BoolArray:
        """Whether a row is faulty, shape (rows,)."""
        labels = np.zeros(len(self.values), bool)
        for fault in self.faults:
            labels[fault.start : fault.stop] = True
        return labels

    def with_fault(  # noqa: PLR0913 - what, where, how much and at which chance
        self, kind: str, sensor: str, start: int, stop: int, size: float, rng: np.random.Generator
    ) -> SimulatedMachine:
        """Return a copy with one more fault.

        Parameters
        ----------
        kind : str
            One of `benchmarks.simulator.faults.KINDS`.
        sensor : str
        start, stop : int
            First row of the fault, and the row after its last.
        size : float
            In `sigmas` of the sensor.

        Raises
        ------
        UsageError
            If there is no such fault, sensor or row.
        """
        check_fault(kind, start, stop, len(self.values))
        if sensor not in self.sensors:
            raise UsageError(f"unknown sensor: expected one of {', '.join(self.sensors)}. Received: {sensor!r}")
        column = self.sensors.index(sensor)
        values = self.values.astype(np.float64)
        if kind == LEAK:
            values = leak(values, self.weights, column, slice(start, stop), size, self.sigmas)
        else:
            sigma = float(self.sigmas[column])
            values[:, column] = broken(values[:, column], kind, slice(start, stop), size, sigma, rng)
        fault = MachineFault(kind, sensor, start, stop, size)
        return replace(self, values=values.astype(np.float32), faults=(*self.faults, fault))

    def recording(self, name: str, start: int = 0, stop: int | None = None) -> Recording:
        """Return some rows as a recording, with labels where there is a fault."""
        labels = self.labels[start:stop] if self.faults else None
        values = np.ascontiguousarray(self.values[start:stop])
        times = START.timestamp() + np.arange(len(self.values))[start:stop] / self.rate_hz
        return Recording(
            name, self.sensors, values, labels, sha256=f"simulated-{self.seed}", rate_hz=self.rate_hz, times=times
        )
