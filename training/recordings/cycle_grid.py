"""A recording's rows as means over bins of successive cycles: what the search for a usual course looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import IntArray, Times
from training.recordings.recording import Recording
from training.recordings.store import blocks_of

Floats = npt.NDArray[np.float64]
_MOST_CYCLES = 60
"""Newest ones; enough for any course, which older ones may have had otherwise."""
_LEAST_FILLED = 0.5


@dataclass(frozen=True)
class CycleGrid:
    """Whole cycles of one period.

    Parameters
    ----------
    start_s : float
        When the first one begins, a multiple of the bins' length.
    period_s : float
    sums : ndarray of shape (cycles, bins, sensors), float64
        Of the rows in each bin, relative to the first row.
    counts : ndarray of shape (cycles, bins)
        Rows in each bin.
    """

    start_s: float
    period_s: float
    sums: Floats
    counts: Floats

    def merged(self, bins: int) -> CycleGrid:
        """Return the grid with fewer bins, whose number divides its own."""
        cycles, each = len(self.sums), self.sums.shape[1] // bins
        sums = self.sums.reshape(cycles, bins, each, -1).sum(axis=2)
        return CycleGrid(self.start_s, self.period_s, sums, self.counts.reshape(cycles, bins, each).sum(axis=2))

    def means(self) -> Floats:
        """Return the mean of each bin, shape (cycles, bins, sensors); NaN where there is no row."""
        counts = self.counts[:, :, None]
        return np.where(counts > 0, self.sums / np.maximum(counts, 1), np.nan)

    def numbers(self, times: Times) -> IntArray:
        """Return the cycle of each time, shape (n,); the number of cycles for one outside all of them."""
        found = np.floor((times - self.start_s) / self.period_s)
        return np.where((found >= 0) & (found < len(self.sums)), found, len(self.sums)).astype(np.int64)


def cycle_grid(recording: Recording, times: Times, period_s: float, coarsest: int, bins: int) -> CycleGrid | None:
    """Return the whole cycles of a recording; None if there are fewer than two.

    Parameters
    ----------
    recording : Recording
    times : ndarray of shape (n,), float64
        Of its rows.
    period_s : float
    coarsest, bins : int
        Bins are counted from a multiple of the coarsest ones' length; `bins` is a multiple of that number.
    """
    step_s = 1.0 / recording.rate_hz
    first_s, stop_s = float(times.min()), float(times.max()) + step_s
    if stop_s - first_s < 2 * period_s * (1 - 1e-6):
        return None
    unit_s = period_s / coarsest
    start_s = np.floor(max(first_s, stop_s - _MOST_CYCLES * period_s) / unit_s) * unit_s
    cycles = int((stop_s - start_s) / period_s + 1e-6)
    sums, counts = _binned(recording, times, float(start_s), period_s / bins, cycles * bins)
    sensors = len(recording.sensors)
    grid = CycleGrid(float(start_s), period_s, sums.reshape(cycles, bins, sensors), counts.reshape(cycles, bins))
    return grid if (_filled(grid.merged(coarsest)) >= _LEAST_FILLED).sum() >= 2 else None


def _binned(recording: Recording, times: Times, start_s: float, bin_s: float, cells: int) -> tuple[Floats, Floats]:
    sums, counts = np.zeros((cells, len(recording.sensors))), np.zeros(cells)
    origin, first = recording.values[0].astype(np.float64), 0
    for block in blocks_of(recording.values):
        cell = np.floor((times[first : first + len(block)] - start_s) / bin_s).astype(np.int64)
        first += len(block)
        inside = (cell >= 0) & (cell < cells)
        counts += np.bincount(cell[inside], minlength=cells)
        for sensor, column in enumerate((block[inside] - origin).T):
            sums[:, sensor] += np.bincount(cell[inside], column, cells)
    return sums, counts


def _filled(grid: CycleGrid) -> Floats:
    """Return how much of each cycle there is, relative to the fullest."""
    filled = (grid.counts > 0).mean(axis=1)
    return np.asarray(filled / max(float(filled.max()), 1e-9))


def levelled(means: Floats, *, by_steps: bool = False) -> Floats:
    """Return the means without the level that they move around: a line from cycle to cycle.

    So a drift is not taken for a course. A cycle of which there is less than half becomes NaN throughout.

    Parameters
    ----------
    means : ndarray of shape (cycles, bins, sensors)
    by_steps : bool
        Whether the level is each cycle's own mean instead: where it changes at once between two cycles, a line leaves
        the same slope in both.
    """
    filled = np.isfinite(means).any(axis=2).mean(axis=1)
    usable = filled >= _LEAST_FILLED * filled.max()
    cycles, bins, sensors = means.shape
    middles = (np.arange(cycles)[usable] + 0.5) * bins - 0.5
    left, course = means, np.zeros((bins, sensors))
    for _ in range(2):  # a cycle with a gap has another mean than a whole one: the second time it is allowed for
        levels = _means_of(means[usable] - course, axis=1)
        if by_steps:
            left = np.full_like(means, np.nan)
            left[usable] = means[usable] - levels[:, None]
        else:
            left = means - _lines(middles, levels, cycles * bins).reshape(means.shape)
        course = np.nan_to_num(_means_of(left[usable], axis=0))
    left[~usable] = np.nan
    return left


def _means_of(values: Floats, axis: int) -> Floats:
    """Return means without warning of those over nothing, which are NaN."""
    known = np.isfinite(values)
    counts = known.sum(axis=axis)
    return np.asarray(np.where(counts, np.where(known, values, 0.0).sum(axis=axis) / np.maximum(counts, 1), np.nan))


def _lines(middles: Floats, levels: Floats, count: int) -> Floats:
    """Return straight lines through the levels at their places, going on before the first and after the last."""
    places = np.arange(count)
    number = np.clip(np.searchsorted(middles, places) - 1, 0, len(middles) - 2)
    share = ((places - middles[number]) / (middles[number + 1] - middles[number]))[:, None]
    return np.asarray(levels[number] * (1.0 - share) + levels[number + 1] * share)


def left_out_courses(left: Floats) -> Floats:
    """Return the usual course without each cycle, and that of all of them as the last one.

    Parameters
    ----------
    left : ndarray of shape (cycles, bins, sensors)
        From `levelled`.

    Returns
    -------
    ndarray of shape (cycles + 1, bins, sensors)
        Mean 0 over the bins; where no other cycle has a bin, a line between those around it.
    """
    known = np.isfinite(left)
    values = np.where(known, left, 0.0)
    sums = np.concatenate([values.sum(axis=0) - values, values.sum(axis=0)[None]])
    counts = np.concatenate([known.sum(axis=0) - known, known.sum(axis=0)[None]])
    courses = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    for number, sensor in np.argwhere(np.isnan(courses).any(axis=1)).tolist():
        courses[number, :, sensor] = _joined(courses[number, :, sensor])
    return np.asarray(courses - courses.mean(axis=1, keepdims=True))


def _joined(course: Floats) -> Floats:
    known = np.flatnonzero(np.isfinite(course))
    return np.interp(np.arange(len(course)), known, course[known], period=len(course)) if len(known) else course * 0.0
