"""How the drivers become sensors: a gentle curve of a mix, with an offset and a mix of its own in every mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.simulator.machine_settings import MachineSettings
from benchmarks.simulator.modes import STANDSTILL, Modes
from benchmarks.simulator.noise import Floats, lagged

_MODE_OFFSET, _MODE_MIX = 2.0, 1.0
_REST = 5.0
"""How far a sensor at rest is from its usual level, in standard deviations, at most."""
_SETTLING_S, _COOLING_S = 120.0, 1200.0
CURRENT = 0


@dataclass(frozen=True)
class Mixing:
    """From drivers to sensors, in standard deviations.

    Parameters
    ----------
    weights : ndarray of shape (modes, sensors, drivers)
        Of each mode's mix; the rows of the first mode have length 1.
    offsets : ndarray of shape (modes, sensors)
        The first mode's are 0.
    bends : ndarray of shape (sensors,)
        Share of the square in each sensor's curve.
    rest : ndarray of shape (sensors,)
        Level at standstill.
    settling, cooling : float
        Rows in which a sensor settles in another mode, and cools down at standstill.
    """

    weights: Floats
    offsets: Floats
    bends: Floats
    rest: Floats
    settling: float
    cooling: float

    @classmethod
    def draw(cls, settings: MachineSettings, rng: np.random.Generator) -> Mixing:
        """Return a machine's own."""
        modes, sensors, drivers = settings.modes, settings.sensors, settings.drivers
        weights = rng.normal(size=(sensors, drivers))
        weights /= np.linalg.norm(weights, axis=1, keepdims=True)
        others = _MODE_MIX * rng.normal(size=(modes, sensors, drivers)) / np.sqrt(drivers)
        offsets = _MODE_OFFSET * rng.normal(size=(modes, sensors))
        others[0], offsets[0] = 0.0, 0.0
        bends = settings.nonlinearity * rng.uniform(-1.0, 1.0, sensors)
        rest = -_REST * rng.uniform(0.4, 1.0, sensors)
        return cls(
            weights + others,
            offsets,
            bends,
            rest,
            settings.rows_of(_SETTLING_S),
            settings.rows_of(_COOLING_S),
        )

    def sensors(self, drivers: Floats, modes: Modes) -> Floats:
        """Return the sensors' values from the drivers, shape (rows, sensors).

        Parameters
        ----------
        drivers : ndarray of shape (rows, drivers)
        modes : ndarray of shape (rows,), int64
        """
        running = modes != STANDSTILL
        mixed = np.empty((len(modes), len(self.bends)))
        offsets = np.empty_like(mixed)
        working = _last_working(modes)
        for mode in np.unique(working):
            rows = working == mode
            mixed[rows] = drivers[rows] @ self.weights[mode].T
            offsets[rows] = self.offsets[mode]
        curved = mixed + self.bends * (mixed**2 - 1.0) + lagged(offsets, self.settling)
        if running.all():
            return curved
        level = lagged(running.astype(float)[:, None], self.cooling)
        level = np.where(np.arange(len(self.bends)) == CURRENT, running[:, None], level)
        return np.asarray(level * curved + (1.0 - level) * self.rest)


def _last_working(modes: Modes) -> Modes:
    """Return the mode that a standing machine was in last."""
    rows = np.maximum.accumulate(np.where(modes != STANDSTILL, np.arange(len(modes)), 0))
    return np.asarray(np.maximum(modes[rows], 0))
