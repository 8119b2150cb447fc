"""Following a machine: the input mean moves with quiet readings, the input scale widens with all of them."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import UsageError
from edge_runtime.model_file.manifest import DetectorSpec
from edge_runtime.streaming.adaptation import paths
from edge_runtime.streaming.adaptation.mode_levels import ModeLevels

CEILING = 3.0
"""Default for the maximum distance of the mean from the training mean, in scales."""
LARGEST_VARIANCE = 100.0
"""Maximum variance, as a multiple of training's: a lasting fault must not widen the scale without end."""
CLIP = 9.0
"""What one reading counts for at most, as a multiple of the current variance: three standard deviations."""

_FEW = 6
"""Readings up to which one after the other is faster."""
_SHORTEST, _GROWTH = 64, 8
"""Readings whose modes are guessed at once after a wrong guess, and how fast there are more again."""
AT_ONCE = 1024
"""So many windows at once stay in a cache."""

Floats = npt.NDArray[np.float64]


class Moved(NamedTuple):
    """How far mean and scale have moved from training's.

    Parameters
    ----------
    drift : ndarray of shape (…, sensors), float64
        Tracked mean minus training mean, raw sensor units.
    variance : ndarray of shape (…, sensors), float64
        Tracked variance over training variance, at least 1.
    """

    drift: Floats
    variance: Floats


class Tracker:
    """Input mean and scale that follow the readings.

    Windows go into the graph as they would have been in training,
    ``center + (window - center - drift) / sqrt(variance)``, so that the model, fitted around `center`, applies to the
    machine as it is now. After a window is scored, with ``r = reading - center - drift`` of its last reading:

    - ``variance += scale_rate * (min((r / scale)**2, 9 * variance) - variance)``, but never below 1. Every reading
      counts, in an alarm or not: otherwise a machine that became louder would be in alarm for good. With the variance
      at 1 or above, scores can only become lower, and the promise of the threshold stays valid.
    - ``drift += mean_rate * r`` if the window was quiet. An alarm freezes the mean, or a lasting fault would become the
      new normal, until it is mostly over; see `edge_runtime.streaming.adaptation.alarm_height`.

    Of a machine with several modes of operation, ``r`` is the distance from the mean of the mode that the reading is
    in: all modes drift alike, and a change of modes moves nothing. There is no other state.

    Parameters
    ----------
    center, scale : array-like of shape (sensors,)
        Mean and scale the detector was trained with, in raw sensor units (`Preprocessing`).
    modes : array-like of shape (modes, sensors)
        Mean readings of each mode, in raw sensor units; none for a machine with one mode.
    mean_rate : float
        Fraction by which the mean moves towards each quiet reading, in [0, 1); 0 never moves it. With one reading
        per second, 1/100 follows a drift over minutes, and a step stays visible for as long.
    scale_rate : float
        Fraction by which the variance moves towards each reading's square, in [0, 1); 0 never moves it.
    ceiling : float
        Maximum size of the drift, in scales.

    Raises
    ------
    UsageError
        If a rate or the ceiling is invalid.

    Examples
    --------
    >>> tracker = Tracker([20.0], [1.0], mean_rate=0.5)
    >>> tracker.follow(np.array([22.0]), quiet=True)
    >>> tracker.follow(np.array([90.0]), quiet=False)
    >>> tracker.moved
    Moved(drift=array([1.]), variance=array([1.]))
    >>> tracker.as_trained(np.array([[23.0], [24.0]], np.float32))
    array([[22.],
           [23.]], dtype=float32)
    """

    def __init__(  # noqa: PLR0913 - where the machine was in training, and how fast to follow it
        self,
        center: npt.ArrayLike,
        scale: npt.ArrayLike,
        modes: npt.ArrayLike = (),
        *,
        mean_rate: float = 0.0,
        scale_rate: float = 0.0,
        ceiling: float = CEILING,
    ) -> None:
        if not (0 <= mean_rate < 1 and 0 <= scale_rate < 1 and ceiling > 0):
            raise UsageError(
                "mean and scale tracking: expected rates of at least 0 and below 1, and a ceiling above 0. "
                f"Received: {mean_rate}, {scale_rate} and {ceiling}"
            )
        self.mean_rate, self.scale_rate = mean_rate, scale_rate
        self._center, self._scale = np.array(center, np.float64), np.array(scale, np.float64)
        self._modes = ModeLevels(np.array(modes) - self._center, self._scale) if np.size(modes) else None
        self._ceiling = ceiling * self._scale
        self._drift, self._variance = np.zeros_like(self._center), np.ones_like(self._center)
        self._apart, self._step, self._most = (np.empty_like(self._center) for _ in range(3))
        self._center32 = self._center.astype(np.float32)
        self._mean32, self._spread32 = np.empty_like(self._center32), np.empty_like(self._center32)

    @property
    def moved(self) -> Moved:
        """How far mean and scale have moved, each of shape (sensors,); a copy."""
        return Moved(self._drift.copy(), self._variance.copy())

    @moved.setter
    def moved(self, moved: Moved) -> None:
        # Within the bounds, whatever a state file says.
        self._drift[:], self._variance[:] = moved.drift, moved.variance
        _bound(self._drift, -self._ceiling, self._ceiling)
        _bound(self._variance, 1.0, LARGEST_VARIANCE)

    def as_trained(self, windows: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return windows of shape (…, sensors) as they would have been with training's mean and scale.

        Parameters
        ----------
        out : ndarray of the same shape, float32, optional
            Output array; by default a new one.
        """
        np.add(self._center, self._drift, out=self._step)
        np.sqrt(self._variance, out=self._most)
        self._mean32[:], self._spread32[:] = self._step, self._most
        out = np.subtract(windows, self._mean32, out=out, dtype=np.float32, casting="same_kind")
        out /= self._spread32
        out += self._center32
        return out

    def each_as_trained(self, windows: FloatArray, moved: Moved, room: FloatArray | None = None) -> FloatArray:
        """Return windows of shape (n, window, sensors), each as `as_trained` would with its own row of `moved`.

        Parameters
        ----------
        room : ndarray of the same shape, float32, contiguous, optional
            Memory for the result; by default a new one.
        """
        out = np.empty(windows.shape, np.float32) if room is None else room
        for start in range(0, len(windows), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            self._some_as_trained(windows[part], Moved(moved.drift[part], moved.variance[part]), out[part])
        return out

    def _some_as_trained(self, windows: FloatArray, moved: Moved, out: FloatArray) -> None:
        count, length, sensors = windows.shape
        centers, centers32 = (rows[:count] for rows in self._centers)
        mean, spread = (centers + moved.drift).astype(np.float32), np.sqrt(moved.variance.astype(np.float32))
        # Lag by lag, which makes long rows of few sensors.
        seen = windows.transpose(1, 0, 2) - mean
        seen /= spread
        seen += centers32
        by_window = _by_window(count, length)
        seen.reshape(-1, sensors).take(by_window, axis=0, mode="clip", out=out.reshape(-1, sensors))

    @cached_property
    def _centers(self) -> tuple[Floats, FloatArray]:
        """The training mean once for each of some windows, float64 and float32: long rows again."""
        return np.tile(self._center, (AT_ONCE, 1)), np.tile(self._center32, (AT_ONCE, 1))

    def as_read(self, levels: FloatArray, moved: Moved) -> FloatArray:
        """Return levels of shape (n, sensors) at training's mean and scale as the sensors would read them."""
        read = np.empty(levels.shape, np.float32)
        for start in range(0, len(levels), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            center = self._centers[0][: len(read[part])]
            read[part] = center + moved.drift[part] + (levels[part] - center) * np.sqrt(moved.variance[part])
        return read

    def follow(self, reading: FloatArray, *, quiet: bool) -> None:
        """Move with a reading of shape (sensors,).

        Parameters
        ----------
        quiet : bool
            Whether the window that ends in this reading was.
        """
        apart = np.subtract(reading, self._center, out=self._apart)
        apart -= self._drift
        if self._modes is not None:
            self._modes.take_away(apart)
        if self.scale_rate:
            self._widen(apart)
        if quiet and self.mean_rate:
            apart *= self.mean_rate
            self._drift += apart
            _bound(self._drift, -self._ceiling, self._ceiling)

    def ahead(self, readings: FloatArray, *, quiet: bool, before: Moved | None = None) -> Moved:
        """Return how far mean and scale have moved before each of some future readings, and after the last.

        Nothing moves.

        Parameters
        ----------
        readings : ndarray of shape (n, sensors)
        quiet : bool
            What to assume of all of them.
        before : Moved, optional
            How far they have moved before the first; by default as far as now.

        Returns
        -------
        Moved
            Of shape (n + 1, sensors) each.
        """
        now = self.moved
        if before is not None:
            self.moved = before
        ways, start, length = list[Moved](), 0, paths.MOST_ROWS
        while not ways or start < len(readings):
            part = readings[start : start + length]
            ways.append(self._path(part, quiet=quiet) or self._steps(part, quiet=quiet))
            start += len(ways[-1].drift) - 1
            # A path ends where a mode was guessed wrong.
            is_whole = len(ways[-1].drift) > len(part)
            length = min(_GROWTH * length, paths.MOST_ROWS) if is_whole else _SHORTEST
            self.moved = Moved(*(rows[-1] for rows in ways[-1]))
        self.moved = now
        return ways[0] if len(ways) == 1 else Moved(*map(_one_way, zip(*ways, strict=True)))

    def apart(self, readings: FloatArray) -> Floats:
        """Return how far readings of shape (n, sensors) are from the mean, or their mode's, where it is now."""
        apart = readings - self._center - self._drift
        return apart if self._modes is None else apart - self._modes.levels[self._modes.of(apart)]

    def _path(self, readings: FloatArray, *, quiet: bool) -> Moved | None:
        """Return what `_steps` does, of all readings at once; None if they are few, or a bound is met on the way.

        Modes are guessed by where the mean is now; the path ends before the first reading whose mode is another.
        """
        count = len(readings)
        if count <= _FEW:
            return None
        modes = self._modes
        if modes is not None:
            guessed = modes.of(readings - self._center - self._drift)
            taken, readings = readings, readings - modes.levels[guessed]
        blocks = paths.side_by_side(readings, self._center)
        drift = paths.mean(blocks, self._drift, self.mean_rate if quiet else 0.0)
        if (drift.max(axis=0) > self._ceiling).any() or (drift.min(axis=0) < -self._ceiling).any():
            return None
        squares = paths.squares(blocks, drift, self._scale, self.scale_rate)
        variance = paths.variance(squares, self._variance, self.scale_rate, CLIP, LARGEST_VARIANCE)
        if variance is None:
            return None
        way = Moved(*(paths.in_turn(path, count) for path in (drift, variance)))
        if modes is None:
            return way
        wrong = modes.of(taken - self._center - way.drift[:-1]) != guessed
        return Moved(*(rows[: 1 + int(wrong.argmax())] for rows in way)) if wrong.any() else way

    def _steps(self, readings: FloatArray, *, quiet: bool) -> Moved:
        """Return how far mean and scale have moved before each reading and after the last, one after the other."""
        before, ahead = self.moved, [self.moved]
        for reading in readings:
            self.follow(reading, quiet=quiet)
            ahead.append(self.moved)
        self.moved = before
        return Moved(*map(np.array, zip(*ahead, strict=True)))

    def reset(self) -> None:
        """Return to training's mean and scale."""
        self._drift[:], self._variance[:] = 0.0, 1.0

    def _widen(self, apart: Floats) -> None:
        variance, step = self._variance, np.divide(apart, self._scale, out=self._step)
        step *= step
        np.minimum(step, np.multiply(variance, CLIP, out=self._most), out=step)
        step -= variance
        step *= self.scale_rate
        variance += step
        _bound(variance, 1.0, LARGEST_VARIANCE)


@lru_cache(maxsize=4)
def _by_window(count: int, length: int) -> npt.NDArray[np.intp]:
    """Return the order that turns readings of all windows, lag by lag, into readings window by window."""
    return np.arange(length * count).reshape(length, count).T.ravel()


def _one_way(parts: tuple[Floats, ...]) -> Floats:
    """Return values before each reading and after the last, of parts that begin where the one before them ends."""
    return np.concatenate([*(part[:-1] for part in parts[:-1]), parts[-1]])


def _bound(values: Floats, least: Floats | float, most: Floats | float) -> None:
    # np.clip takes ten times as long for a few values.
    np.maximum(values, least, out=values)
    np.minimum(values, most, out=values)


def tracker_of(
    spec: DetectorSpec, mean_rate: float | None = None, scale_rate: float | None = None, ceiling: float = CEILING
) -> Tracker | None:
    """Return a detector's tracker; None if its mean and scale are fixed.

    Parameters
    ----------
    mean_rate, scale_rate : float, optional
        By default the model file's own.
    ceiling : float
        Of the mean, in scales.
    """
    mean_rate = spec.scoring.mean_rate if mean_rate is None else mean_rate
    scale_rate = spec.scoring.scale_rate if scale_rate is None else scale_rate
    center, scale = spec.preprocessing.center, spec.preprocessing.scale
    if not (mean_rate or scale_rate):
        return None
    return Tracker(center, scale, spec.modes, mean_rate=mean_rate, scale_rate=scale_rate, ceiling=ceiling)
