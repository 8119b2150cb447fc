"""How a score or a sensor went, in as many points as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import BoolArray, FloatArray, IntArray, Times

_GAP_STEPS = 5


@dataclass(frozen=True)
class Trend:
    """A score over time. A gap in the readings is one point whose numbers are NaN.

    Parameters
    ----------
    times : ndarray of shape (n,), float64
        Start of each point's span, seconds since the epoch, rising.
    lowest, mean, highest : ndarray of shape (n,), float64
        Scores.
    threshold : ndarray of shape (n,), float64
        Mean.
    alarm_share : ndarray of shape (n,), float64
        Share of the results in alarm, from 0 to 1.
    counts : ndarray of shape (n,), int64
        Number of results; 0 in a gap.
    """

    times: Times
    lowest: FloatArray
    mean: FloatArray
    highest: FloatArray
    threshold: FloatArray
    alarm_share: FloatArray
    counts: IntArray

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class SensorTrend:
    """A sensor's values over time, in its own unit, as in `Trend`."""

    times: Times
    lowest: FloatArray
    mean: FloatArray
    highest: FloatArray

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class Points:
    """Stored buckets on their way to a trend, in the order of their times.

    Parameters
    ----------
    starts, lengths : ndarray of shape (n,), float64
        Of the buckets, seconds.
    counts : ndarray of shape (n,), int64
    lowest, highest : ndarray of shape (n,), float64
    means : ndarray of shape (n, quantities), float64
        Weighted by the counts when buckets are joined.
    """

    starts: Times
    lengths: FloatArray
    counts: IntArray
    lowest: FloatArray
    highest: FloatArray
    means: FloatArray

    def chosen(self, rows: BoolArray | npt.NDArray[np.intp]) -> Points:
        """Return some of them."""
        return Points(*(getattr(self, name)[rows] for name in _COLUMNS))


_COLUMNS = tuple(Points.__dataclass_fields__)


def joined_points(parts: Sequence[Points]) -> Points:
    """Return the points of all parts."""
    return Points(*(np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS))


def no_points(quantities: int) -> Points:
    """Return none."""
    none = np.empty(0)
    return Points(none, none, np.empty(0, np.int64), none, none, np.empty((0, quantities)))


def binned(points: Points, width_s: float) -> Points:
    """Return the points of each `width_s` seconds as one, and a point of NaN in every gap.

    A gap is a pause longer than one and a half spans, and than five usual steps between readings.
    """
    if not len(points.starts):
        return points
    places = np.floor(points.starts / width_s)
    first = np.flatnonzero(np.diff(places, prepend=np.nan) != 0)
    counts = np.add.reduceat(points.counts, first)
    weighted = np.add.reduceat(points.means * points.counts[:, None], first, axis=0)
    together = Points(
        points.starts[first],
        np.maximum(np.maximum.reduceat(points.lengths, first), width_s),
        counts,
        np.minimum.reduceat(points.lowest, first),
        np.maximum.reduceat(points.highest, first),
        weighted / counts[:, None],
    )
    return _with_gaps(together, _pauses_after(points, first))


def _pauses_after(points: Points, first: IntArray) -> FloatArray:
    """Return the pause between the last bucket of each bin and the first of the next, in shares of a gap's least."""
    steps = np.diff(points.starts)
    usual_s = float(np.median(steps / points.counts[:-1])) if len(steps) else 0.0
    least_s = np.maximum(1.5 * points.lengths[:-1], _GAP_STEPS * usual_s)
    return np.asarray((steps / least_s)[first[1:] - 1])


def _with_gaps(points: Points, pauses: FloatArray) -> Points:
    after = np.flatnonzero(pauses > 1) + 1
    nan = np.nan
    return Points(
        np.insert(points.starts, after, points.starts[after - 1] + points.lengths[after - 1]),
        np.insert(points.lengths, after, 0.0),
        np.insert(points.counts, after, 0),
        np.insert(points.lowest, after, nan),
        np.insert(points.highest, after, nan),
        np.insert(points.means, after, nan, axis=0),
    )
