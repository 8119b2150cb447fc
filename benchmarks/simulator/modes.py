"""Which mode the machine is in, row by row, and when it stands still."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.simulator.machine_settings import MachineSettings
from edge_runtime.arrays import IntArray

STANDSTILL = -1
_DWELL_SHAPE = 3.0
"""Of the gamma distribution of dwell times: jobs take about as long as each other, unlike a Markov chain's."""
Modes = IntArray


def mode_rows(settings: MachineSettings, rng: np.random.Generator) -> Modes:
    """Return the mode of every row, shape (rows,): 0 … modes - 1, and `STANDSTILL` where the machine is off.

    A semi-Markov chain: the next mode is drawn from the row of a random transition matrix, which never stays, and the
    dwell time from a gamma distribution with the mean asked for. Standstills are drawn independently of the modes.
    """
    dwell = settings.rows_of(settings.dwell_s)
    states = _states(settings.modes, round(3 * settings.rows / dwell) + 10, rng)
    modes = _stretched(states, np.full(len(states), dwell), settings.rows, rng)
    if settings.standstill:
        off = settings.rows_of(settings.standstill_s)
        on = off * (1.0 - settings.standstill) / settings.standstill
        # As many pairs as are sure to fill the rows; the machine is on at the start.
        pairs = round(3 * settings.rows / (on + off)) + 10
        is_off = _stretched(np.tile([0, 1], pairs), np.tile([on, off], pairs), settings.rows, rng)
        modes[is_off == 1] = STANDSTILL
    return modes


def _states(modes: int, count: int, rng: np.random.Generator) -> Modes:
    """Return successive states of a Markov chain that never stays where it is."""
    states = np.zeros(count, np.int64)
    if modes == 1:
        return states
    steps = rng.dirichlet(np.full(modes - 1, 2.0), size=modes).cumsum(axis=1)
    draws = rng.random(count)
    for number in range(1, count):
        last = states[number - 1]
        step = 1 + min(int(np.searchsorted(steps[last], draws[number])), modes - 2)
        states[number] = (last + step) % modes
    return states


def _stretched(states: Modes, means: npt.NDArray[np.float64], rows: int, rng: np.random.Generator) -> Modes:
    """Return states, each for a random number of rows with its mean, over and over until `rows` are full."""
    lengths = np.clip(np.rint(rng.gamma(_DWELL_SHAPE, means / _DWELL_SHAPE)), 1, rows).astype(np.int64)
    return np.resize(np.repeat(states, lengths), rows)
