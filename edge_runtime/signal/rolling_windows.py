"""Windows over readings that come block by block."""

from __future__ import annotations

import numpy as np

from edge_runtime.arrays import FloatArray, IntArray
from edge_runtime.signal.preprocessing import sliding_windows


class RollingWindows:
    """Keeps the readings that later windows still need.

    Parameters
    ----------
    window, stride, sensors : int

    Examples
    --------
    >>> rolling = RollingWindows(window=2, stride=1, sensors=1)
    >>> windows, ends = rolling.push(np.array([[1.0], [2.0], [3.0]], np.float32))
    >>> windows[..., 0].tolist(), ends.tolist()
    ([[1.0, 2.0], [2.0, 3.0]], [1, 2])
    >>> rolling.push(np.array([[4.0]], np.float32))[0][..., 0].tolist()
    [[3.0, 4.0]]
    """

    def __init__(self, window: int, stride: int, sensors: int) -> None:
        self.window, self.stride, self.sensors = window, stride, sensors
        self.reset()

    def reset(self) -> None:
        """Forget all readings: the next window starts with the next one."""
        self.kept: FloatArray = np.empty((0, self.sensors), np.float32)
        self.ahead = 0
        """Readings still to come before the next window starts, where the stride is longer than the window."""

    def push(self, rows: FloatArray) -> tuple[FloatArray, IntArray]:
        """Return the windows that end in `rows`, and the rows they end at.

        Parameters
        ----------
        rows : ndarray of shape (n, sensors), float32

        Returns
        -------
        windows : ndarray of shape (m, window, sensors), float32
        ends : ndarray of shape (m,), int64
            Counted from the first of `rows`.
        """
        kept, skipped = len(self.kept), min(self.ahead, len(rows))
        together = np.concatenate([self.kept, rows[skipped:]]) if kept else rows[skipped:]
        windows = sliding_windows(together, self.window, self.stride)
        n = len(windows)
        ends = skipped - kept + self.window - 1 + self.stride * np.arange(n)
        self.kept = together[n * self.stride :].copy()
        self.ahead += max(0, n * self.stride - len(together)) - skipped
        return windows, ends
