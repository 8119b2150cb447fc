"""Windows of consecutive readings, cut from rows or as readings arrive."""

from __future__ import annotations

from math import isfinite

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray, IntArray
from edge_runtime.errors import InputShapeError

_FEW_VALUES, _MANY_VALUES = 64, 4096


def sliding_windows(rows: FloatArray, window: int, stride: int = 1) -> FloatArray:
    """Return every window of consecutive rows, as a read-only view without a copy.

    Parameters
    ----------
    rows : ndarray of shape (n, sensors)
    window, stride : int
        Readings in a window, readings between the starts of two windows.

    Returns
    -------
    ndarray of shape ((n - window) // stride + 1, window, sensors)
        Empty when there are fewer rows than one window.

    Examples
    --------
    >>> sliding_windows(np.arange(5.0)[:, None], window=3, stride=2)[..., 0]
    array([[0., 1., 2.],
           [2., 3., 4.]])
    """
    if len(rows) < window:
        return np.empty((0, window, rows.shape[1]), rows.dtype)
    view = np.lib.stride_tricks.sliding_window_view(rows, window, axis=0)[::stride]
    return view.transpose(0, 2, 1)


def as_slice(rows: IntArray) -> slice | IntArray:
    """Return rising row numbers as a slice where they are one: a slice is no copy.

    >>> as_slice(np.array([2, 3, 4])), as_slice(np.array([2, 4]))
    (slice(2, 5, None), array([2, 4]))
    """
    is_slice = len(rows) > 0 and rows[-1] - rows[0] == len(rows) - 1
    return slice(int(rows[0]), int(rows[-1]) + 1) if is_slice else rows


class WindowBuffer:
    """Holds the readings that later windows still need; one at a time or many at once gives the same windows.

    Each reading is stored twice, one window apart, so that the newest window is a plain slice and no reading is ever
    moved.

    Parameters
    ----------
    window, stride, sensors : int

    Attributes
    ----------
    until_due : int
        Number of readings until a window is complete.

    Examples
    --------
    >>> buffer = WindowBuffer(window=2, stride=1, sensors=1)
    >>> windows, ends = buffer.push_many(np.array([[1.0], [2.0], [3.0]], np.float32))
    >>> windows[..., 0].tolist(), ends.tolist()
    ([[1.0, 2.0], [2.0, 3.0]], [1, 2])
    >>> buffer.push([4.0])[:, 0].tolist()
    [3.0, 4.0]
    """

    def __init__(self, window: int, stride: int, sensors: int) -> None:
        self.window, self.stride = window, stride
        self._rows: FloatArray = np.zeros((2 * window, sensors), np.float32)
        self.clear()

    def clear(self) -> None:
        """Forget all readings; the next window starts with the next reading."""
        self._position = self._held = 0
        self.until_due = self.window

    @property
    def kept(self) -> FloatArray:
        """The readings that belong to future windows, oldest first, shape (at most window - 1, sensors); a copy."""
        count = min(self._held, self.window - 1)
        stop = self._position + self.window
        return self._rows[stop - count : stop].copy()

    def restore(self, kept: FloatArray, until_due: int) -> None:
        """Resume from the readings that another buffer of these sensors kept."""
        self.clear()
        self._store(kept)
        self.until_due = max(1, self.window - len(kept), min(until_due, self.stride + self.window))

    def push(self, reading: npt.ArrayLike) -> FloatArray | None:
        """Add one reading; return the window as a view when one is due, else None."""
        position, window = self._position, self.window
        self._rows[position] = reading
        self._rows[position + window] = reading
        self._position = (position + 1) % window
        self._held += 1
        self.until_due -= 1
        if self.until_due:
            return None
        self.until_due = self.stride
        return self._rows[position + 1 : position + 1 + window]

    def push_many(self, rows: FloatArray) -> tuple[FloatArray, IntArray]:
        """Add some readings; return the windows that end in them, and where.

        Parameters
        ----------
        rows : ndarray of shape (n, sensors), float32

        Returns
        -------
        windows : ndarray of shape (m, window, sensors), float32
            A read-only view.
        ends : ndarray of shape (m,), int64
            Which of `rows` each window ends with.
        """
        kept, n, first = self.kept, len(rows), self.until_due - 1
        together = np.concatenate([kept, rows]) if len(kept) else rows
        windows = sliding_windows(together[len(kept) + self.until_due - self.window :], self.window, self.stride)
        ends = first + self.stride * np.arange(len(windows))
        self.until_due += len(windows) * self.stride - n
        self._store(rows)
        return windows, ends

    def _store(self, rows: FloatArray) -> None:
        """Put the newest rows where `push` would have put them."""
        self._held += len(rows)
        newest, position = rows[-self.window :], self._position
        places = (position + np.arange(len(newest))) % self.window
        self._rows[places] = self._rows[places + self.window] = newest
        self._position = (position + len(newest)) % self.window


def as_windows(values: npt.ArrayLike, window: int, sensors: int) -> FloatArray:
    """Return `values` as windows of finite numbers, float32 and contiguous.

    Accepts ``(n, window, sensors)``, ``(n, window * sensors)`` and, for a window of one reading,
    ``(n, sensors)``.

    Raises
    ------
    InputShapeError
        If the shape is another one, or the values are not finite numbers.
    """
    array = np.ascontiguousarray(shaped_windows(values, window, sensors))
    refuse_missing(array)
    return array


def shaped_windows(values: npt.ArrayLike, window: int, sensors: int) -> FloatArray:
    """Return what `as_windows` does, without checking the values, and as they lie in memory."""
    try:
        array = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputShapeError(f"windows must be real numbers. Received: {type(values).__name__} ({error})") from error
    if array.ndim == 2 and array.shape[1] == window * sensors:
        array = array.reshape(-1, window, sensors)
    if array.shape[1:] == (window, sensors):
        return array
    raise InputShapeError(
        f"expected windows of shape (n, {window}, {sensors}) or (n, {window * sensors}): {window} reading(s) of "
        f"{sensors} sensor(s). Received: shape {array.shape}. `saelite inspect` lists the model's sensors in order."
    )


def refuse_missing(windows: FloatArray) -> None:
    """Raise InputShapeError if a value is not a finite number."""
    if not all_finite(windows):
        raise InputShapeError(
            "windows must hold finite numbers. Received: NaN or infinite values. Leave such readings out, "
            "or repeat the sensor's last value."
        )


def all_finite(array: FloatArray) -> bool:
    """Return whether all values are finite.

    A few values are summed in float64, which float32 values never overflow. For very many, the sum of squares is one
    fast pass without a temporary array, and finite only if they are; if it overflows, they are checked one by one.

    >>> all_finite(np.float32([1.0, 3e38])), all_finite(np.float32([1.0, np.nan]))
    (True, False)
    >>> all_finite(np.full(100, 3e38, np.float32)), all_finite(np.float32([np.inf, -np.inf]))
    (True, False)
    >>> all_finite(np.full(10_000, 3e38, np.float32)), all_finite(np.full(10_000, np.inf, np.float32))
    (True, False)
    """
    if array.size <= _FEW_VALUES:
        return isfinite(sum(array.ravel().tolist()))
    if array.size >= _MANY_VALUES:
        flat = array.ravel()
        with np.errstate(over="ignore", invalid="ignore"):
            square = flat.dot(flat)
        if isfinite(square):
            return True
    return bool(np.isfinite(array).all())
