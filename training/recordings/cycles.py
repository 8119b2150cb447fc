"""Finding the usual course of day and week, and taking it away.

Two things must hold. The course of the other cycles resembles the one left out more than a slow movement could by
chance: both are whitened by what the course leaves, an autoregressive process of order 1, and then correlated. And what
is left of held-out cycles varies clearly less, given the other sensors: sensors that move together already explain each
other, and an uncertain course taken from one of them spoils that.

The number of bins is the one that predicts held-out cycles best. Every cycle that is learnt from is taken the course of
the other cycles, so that what is left varies as on the device, for days that the course was not fitted on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, IntArray, Times
from edge_runtime.signal.cycle import DAY_S, WEEK_S, Cycle, along
from training.recordings.cycle_grid import CycleGrid, Floats, cycle_grid, left_out_courses, levelled
from training.recordings.recording import Recording
from training.recordings.store import RowStore, blocks_of

_BINS = {DAY_S: (24, 48, 96, 288), WEEK_S: (28, 84, 168, 336, 672, 2016)}
_MOST_VALUES = 2**15
"""Of a course: the manifest has them as text."""
_EARLIEST_S = 946_684_800.0
"""2000-01-01: earlier times are counted from the start of the recording, and do not say the time of day."""
# Of 20,000 random walks, processes with long memory and machines that change modes at random, one in a thousand is
# above this over two cycles, and fewer over more of them.
_STANDARD_ERRORS = 4.0
_EXPLAINED = 0.3
# For more sensors a covariance of few cycles says little.
_MOST_RELATED = 100
_ROWS = 20_000
_RIDGE = 1e-6
_DIGITS = 6


@dataclass(frozen=True)
class FoundCycle:
    """A course that was found.

    Parameters
    ----------
    grid : CycleGrid
    courses : ndarray of shape (cycles + 1, bins, sensors)
        See `training.recordings.cycle_grid.left_out_courses`, from the start of the period; 0 for sensors that it is
        not taken away from.
    """

    grid: CycleGrid
    courses: Floats

    @property
    def cycle(self) -> Cycle:
        """What the model file keeps."""
        rows = self.courses[-1].tolist()
        return Cycle(self.grid.period_s, tuple(tuple(float(f"{one:.{_DIGITS}g}") for one in row) for row in rows))

    def at(self, times: Times) -> FloatArray:
        """Return what to take away from rows: the course without their own cycle, shape (n, sensors), float32."""
        numbers = self.grid.numbers(times)
        offsets = np.empty((len(times), self.courses.shape[2]), np.float32)
        for number in np.unique(numbers).tolist():
            chosen = numbers == number
            offsets[chosen] = along(self.courses[number], self.grid.period_s, times[chosen])
        return offsets


def take_away(recording: Recording) -> Recording:
    """Return the recording without the usual course of day and week, as far as there is one.

    Its `cycles` say what was taken away. Without the time of day, or two whole days, nothing is.
    """
    times = recording.times
    if times is None or not recording.rate_hz or not len(times) or float(times.min()) < _EARLIEST_S:
        return recording
    for period_s in _BINS:
        found = find_cycle(recording, times, period_s)
        if found is not None:
            cycles = (*recording.cycles, found.cycle)
            recording = replace(recording, values=_without(recording.values, times, found), cycles=cycles)
    return recording


def find_cycle(recording: Recording, times: Times, period_s: float) -> FoundCycle | None:
    """Return the course of one period that predicts held-out cycles best; None if none does.

    Parameters
    ----------
    recording : Recording
    times : ndarray of shape (n,), float64
        Of its rows, seconds since the epoch.
    period_s : float
        One of the keys of `edge_runtime.signal.cycle.PERIODS`.
    """
    coarsest, *finer = _BINS[period_s]
    most = min(period_s * recording.rate_hz * 1.01, _MOST_VALUES / len(recording.sensors))
    if coarsest > most:
        return None
    candidates = [coarsest, *(bins for bins in finer if bins <= most)]
    grid = cycle_grid(recording, times, period_s, coarsest, candidates[-1])
    if grid is None:
        return None
    errors, explained = _resemblance_of(grid.merged(coarsest).means())
    follows = explained >= _EXPLAINED
    sure = follows & (errors >= _STANDARD_ERRORS)
    if not sure.any():
        return None
    rows = _Rows.of(recording, times, grid)
    choices = (sure, follows & (errors >= _STANDARD_ERRORS / 2))
    tried = [found for bins in candidates if grid.sums.shape[1] % bins == 0 for found in rows.try_out(bins, choices)]
    gain, best = min(tried, key=lambda one: one[0])
    return best if gain < 0 else None


def _resemblance_of(means: Floats) -> tuple[Floats, Floats]:
    """Return the lesser resemblance of two, so that neither a drift nor a change of level is taken for a course."""
    both = [resemblance(levelled(means, by_steps=by_steps)) for by_steps in (False, True)]
    errors, explained = (np.min(one, axis=0) for one in zip(*both, strict=True))
    return errors, explained


def resemblance(left: Floats) -> tuple[Floats, Floats]:
    """Return by how many standard errors each cycle resembles the others, and how much of it they explain.

    Parameters
    ----------
    left : ndarray of shape (cycles, bins, sensors)
        From `training.recordings.cycle_grid.levelled`.

    Returns
    -------
    errors, explained : ndarray of shape (sensors,)
        Correlation over its standard error, after both are whitened by what the others leave of a cycle. Share of a
        cycle's variance that the others explain, without the bin that varies most: one event a day, at about the same
        time, is no course. Below 0 where they say nothing.
    """
    bins, sensors = left.shape[1:]
    known = np.isfinite(left)
    cycle = np.where(known, left, 0.0).reshape(-1, sensors)
    others = np.where(known, left_out_courses(left)[:-1], 0.0).reshape(-1, sensors)
    residual = cycle - others
    power, unexplained = (np.square(one).reshape(left.shape).sum(axis=0) for one in (cycle, residual))
    power, unexplained = (_without_the_fullest(one, power) for one in (power, unexplained))
    explained = 1.0 - unexplained / np.maximum(power, 1e-300)
    memory = (residual[1:] * residual[:-1]).sum(axis=0) / np.maximum(np.square(residual).sum(axis=0), 1e-300)
    # What is left of so few rows seems to forget faster than it does (Kendall, 1954).
    memory = np.clip(memory + (1.0 + 3.0 * memory) / bins, 0.0, 1.0)
    cycle, others = (one[1:] - memory * one[:-1] for one in (cycle, others))
    together = np.sqrt(np.square(cycle).sum(axis=0) * np.square(others).sum(axis=0))
    correlation = (cycle * others).sum(axis=0) / np.maximum(together, 1e-300)
    seen = known.any(axis=(1, 2)).sum() - 1
    return correlation * np.sqrt(seen * bins), np.where(power > 0, explained, -np.inf)


def _without_the_fullest(values: Floats, power: Floats) -> Floats:
    """Return sums over bins of shape (bins, sensors), without the one of most power."""
    return np.asarray(values.sum(axis=0) - np.take_along_axis(values, power.argmax(axis=0)[None], axis=0)[0])


@dataclass(frozen=True)
class _Rows:
    """Rows of whole cycles to judge a course by, each cycle around its own mean, in standard deviations."""

    grid: CycleGrid
    times: Times
    numbers: IntArray
    scaled: Floats
    scale: Floats

    @classmethod
    def of(cls, recording: Recording, times: Times, grid: CycleGrid) -> _Rows:
        numbers = grid.numbers(times)
        inside = np.flatnonzero(numbers < len(grid.sums))
        chosen = inside[:: -(-len(inside) // _ROWS)]
        values = _around_means(np.asarray(recording.values[chosen], np.float64), numbers[chosen])
        scale = values.std(axis=0)
        scaled = values / np.where(scale > 0, scale, 1.0)
        return cls(grid, times[chosen], numbers[chosen], scaled, scale)

    @property
    def moving(self) -> BoolArray:
        """Which sensors are not constant."""
        return np.asarray(self.scale > 0)

    def try_out(self, bins: int, choices: tuple[BoolArray, ...]) -> Iterator[tuple[float, FoundCycle]]:
        """Yield courses with so many bins for some choices of sensors, each with its gain: below 0 is one.

        The gain is by how much the logarithm of the generalised variance of held-out cycles, the determinant of the
        covariance, changes. It counts if it falls by as much as `_EXPLAINED` of one sensor's variance.
        """
        grid = self.grid.merged(bins)
        # The first bin may begin at any time of the day.
        first = round(grid.start_s % grid.period_s / grid.period_s * bins)
        courses = np.where(self.moving, np.roll(left_out_courses(levelled(grid.means())), first, axis=1), 0.0)
        offsets = FoundCycle(self.grid, courses).at(self.times).astype(np.float64)
        offsets = _around_means(offsets, self.numbers) / np.where(self.moving, self.scale, 1.0)
        before = self._spread(self.scaled)
        for chosen in choices:
            gain = self._spread(self.scaled - np.where(chosen, offsets, 0.0)) - before
            yield (
                gain if gain <= np.log(1.0 - _EXPLAINED) else np.inf,
                FoundCycle(self.grid, np.where(chosen, courses, 0.0)),
            )

    def _spread(self, rows: Floats) -> float:
        """Return the logarithm of the determinant of the covariance."""
        rows = rows[:, self.moving]
        if rows.shape[1] > _MOST_RELATED:
            return float(np.log(np.square(rows).mean(axis=0) + _RIDGE).sum())
        covariance = rows.T @ rows / len(rows)
        return float(np.linalg.slogdet(covariance + _RIDGE * np.eye(len(covariance)))[1])


def _around_means(values: Floats, numbers: IntArray) -> Floats:
    counts = np.maximum(np.bincount(numbers), 1)[:, None]
    sums = np.stack([np.bincount(numbers, column) for column in values.T], axis=1)
    return np.asarray(values - (sums / counts)[numbers])


def _without(values: FloatArray, times: Times, found: FoundCycle) -> FloatArray:
    """Return the rows without the course; rows on disk stay on disk."""
    if not isinstance(values, np.memmap):
        return np.asarray(values - found.at(times), np.float32)
    store, first = RowStore(values.shape[1]), 0
    for block in blocks_of(values):
        store.append(block - found.at(times[first : first + len(block)]))
        first += len(block)
    return store.array()
