"""Following slow drift: the input mean moves with the readings while the detector is quiet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import UsageError
from edge_runtime.model_file.manifest import DetectorSpec

CEILING = 3.0
"""Default for the maximum distance of the mean from the training mean, in scales."""


class MeanTracker:
    """Input mean that follows quiet readings and stands still during an alarm.

    The drift is ``mean - center``, at first zero. Windows are shifted by it before they go into the graph,
    ``window - drift``, so that the model, fitted around `center`, applies around the new mean. After a window is
    scored, ``mean += rate * (reading - mean)`` if its smoothed score was under the threshold. An alarm freezes
    the mean, or a lasting fault would become the new normal; once the score is back under the threshold, the
    mean moves again. There is no state besides the mean.

    Parameters
    ----------
    center : array-like of shape (sensors,)
        Mean the detector was trained around, in raw sensor units (`Preprocessing.center`).
    rate : float
        Fraction by which the mean moves towards each quiet reading, in [0, 1); 0 never moves it. With one reading
        per second, 1/100 follows a drift over minutes, and a step stays visible for as long.
    ceiling : array-like of shape (sensors,)
        Maximum size of the drift, in raw sensor units.

    Raises
    ------
    UsageError
        If rate or ceiling is invalid.

    Examples
    --------
    >>> tracker = MeanTracker([20.0], rate=0.5)
    >>> tracker.follow(np.array([22.0]), quiet=True)
    >>> tracker.follow(np.array([90.0]), quiet=False)
    >>> tracker.drift
    array([1.], dtype=float32)
    >>> tracker.shift(np.array([[23.0], [24.0]], np.float32))
    array([[22.],
           [23.]], dtype=float32)
    """

    def __init__(self, center: npt.ArrayLike, rate: float, ceiling: npt.ArrayLike = np.inf) -> None:
        if not 0 <= rate < 1 or not np.all(np.asarray(ceiling) > 0):
            raise UsageError(
                "mean tracking: expected a rate of at least 0 and below 1, and a ceiling above 0. "
                f"Received: {rate} and {ceiling!r}"
            )
        self.rate = rate
        self._ceiling = np.asarray(ceiling, np.float64)
        self._center = np.asarray(center, np.float64)
        self._drift = np.zeros(len(self._center))
        self._step = np.zeros(len(self._center))

    @property
    def drift(self) -> FloatArray:
        """How far the mean has moved, shape (sensors,), raw sensor units; a copy."""
        return self._drift.astype(np.float32)

    @drift.setter
    def drift(self, value: npt.ArrayLike) -> None:
        # Within the ceiling, whatever a state file says.
        np.clip(value, -self._ceiling, self._ceiling, out=self._drift)

    def shift(self, windows: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return windows of shape (…, sensors) as they would have been without the drift.

        Parameters
        ----------
        out : ndarray of the same shape, float32, optional
            Output array; by default a new one.
        """
        return np.subtract(windows, self._drift, out=out, dtype=np.float32, casting="same_kind")

    def follow(self, reading: FloatArray, *, quiet: bool) -> None:
        """Move the mean towards a reading of shape (sensors,) if the detector was quiet on it.

        Parameters
        ----------
        quiet : bool
            Whether the smoothed score of the window that ends in this reading was under the threshold.
        """
        if not quiet or not self.rate:
            return
        step = self._step
        np.subtract(reading, self._center, out=step)
        step -= self._drift
        step *= self.rate
        self._drift += step
        np.clip(self._drift, -self._ceiling, self._ceiling, out=self._drift)

    def drifts(self, readings: FloatArray, *, quiet: bool) -> npt.NDArray[np.float64]:
        """Return the drift at each of some future readings, shape (n, sensors), assuming whether all of them are quiet.

        The mean does not move.
        """
        ahead, before = np.empty(readings.shape), self._drift.copy()
        for row, reading in zip(ahead, readings, strict=True):
            row[:] = self._drift
            self.follow(reading, quiet=quiet)
        self._drift = before
        return ahead

    def reset(self) -> None:
        """Return to the training mean."""
        self._drift[:] = 0.0


def tracker_of(spec: DetectorSpec, rate: float | None = None, ceiling: float = CEILING) -> MeanTracker | None:
    """Return a detector's tracker; None if its mean is fixed.

    Parameters
    ----------
    rate : float, optional
        By default the model file's own.
    ceiling : float
        In scales of each sensor.
    """
    rate = spec.scoring.mean_rate if rate is None else rate
    preprocessing = spec.preprocessing
    return MeanTracker(preprocessing.center, rate, ceiling * np.array(preprocessing.scale)) if rate else None
