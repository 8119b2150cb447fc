"""What kind of machine to simulate."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.errors import UsageError

MOST_MODES = 12


@dataclass(frozen=True)
class MachineSettings:
    """A kind of machine; a seed makes one of that kind.

    Parameters
    ----------
    rows, sensors, drivers : int
        Readings, columns (the first is the motor's current), hidden causes.
    rate_hz : float
        Readings per second.
    memory_s : float
        Time over which the drivers' autocorrelation falls to 1/e, on average.
    modes : int
        1 to 12 ways the machine works.
    dwell_s : float
        Mean time it stays in one.
    season : float
        Amplitude of the daily cycle, in standard deviations of a sensor; each takes part to its own degree.
    drift : float
        Standard deviation of a sensor's random walk after a day, in the same unit.
    wear : float
        How far a worn sensor moves in a day, in the same unit; a third of the sensors wear, in a straight line.
    standstill : float
        Share of the time that the machine is off.
    standstill_s : float
        Mean length of a standstill.
    nonlinearity : float
        How far a sensor's curve bends: the share of a square in it.
    noise : float
        Standard deviation of a sensor's own noise, relative to 1 for the drivers' part.
    """

    rows: int = 20_000
    sensors: int = 20
    drivers: int = 4
    rate_hz: float = 1 / 60
    memory_s: float = 1200.0
    modes: int = 1
    dwell_s: float = 7200.0
    season: float = 0.0
    drift: float = 0.0
    wear: float = 0.0
    standstill: float = 0.0
    standstill_s: float = 7200.0
    nonlinearity: float = 0.15
    noise: float = 0.3

    def __post_init__(self) -> None:
        if not 1 <= self.modes <= MOST_MODES:
            raise UsageError(f"expected 1 to {MOST_MODES} modes. Received: {self.modes}")
        if min(self.rows, self.sensors, self.drivers) < 1:
            raise UsageError(
                "expected at least one row, sensor and driver. "
                f"Received: {self.rows} rows, {self.sensors} sensors, {self.drivers} drivers"
            )
        if not 0 <= self.standstill < 1:
            raise UsageError(f"expected a share of standstill from 0 to below 1. Received: {self.standstill}")
        if not (self.rate_hz > 0 and self.memory_s > 0 and self.dwell_s > 0 and self.standstill_s > 0):
            raise UsageError("expected a rate, memory, dwell and standstill above 0.")

    def rows_of(self, seconds: float) -> float:
        """Return how many rows a time span has, not rounded."""
        return seconds * self.rate_hz
