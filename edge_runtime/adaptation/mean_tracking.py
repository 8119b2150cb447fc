"""Following slow drift: the inputs' mean moves along while the detector is quiet."""

from __future__ import annotations

import numpy as np

from edge_runtime.preprocessing import FloatArray


class MeanTracker:
    """Mean of the inputs that follows quiet readings and stands still during an alarm.

    The drift is ``mean - center``, at first zero. Windows are shifted by it before they go into the graph,
    ``window - drift``, so that what was learnt around `center` holds around the new mean. After a window is
    scored, ``mean += rate * (reading - mean)`` if its smoothed score was under the threshold. An alarm freezes
    the mean, or a lasting fault would become the new normal; once the score is back under the threshold the
    mean follows again. That is the whole re-arming: no state besides the mean.

    Parameters
    ----------
    center : array-like of shape (sensors,)
        Mean the detector was trained around, in raw sensor units (`Preprocessing.center`).
    rate : float
        Share of the way to the reading that the mean goes each time, in [0, 1); 0 never moves it. A rate of
        1/100 follows a drift over minutes of readings per second and lets a step be seen for as long.

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

    def __init__(self, center: FloatArray | list[float] | tuple[float, ...], rate: float) -> None:
        self.rate = rate
        self._center = np.asarray(center, np.float64)
        self._drift = np.zeros(len(self._center))
        self._step = np.zeros(len(self._center))

    @property
    def drift(self) -> FloatArray:
        """How far the mean has moved, shape (sensors,), raw sensor units; a copy."""
        return self._drift.astype(np.float32)

    @drift.setter
    def drift(self, value: FloatArray) -> None:
        self._drift[:] = value

    def shift(self, windows: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return windows of shape (…, sensors) as they would have been without the drift.

        Parameters
        ----------
        out : ndarray of the same shape, float32, optional
            Where to write them; without it a new array is made.
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

    def reset(self) -> None:
        """Go back to the mean the detector was trained around."""
        self._drift[:] = 0.0
