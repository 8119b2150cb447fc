"""Raw windows of sensor values to the network's inputs: the one definition, for training and device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import InputShapeError

FloatArray = npt.NDArray[np.floating[Any]]

UNLIMITED = 1e30
"""As `Preprocessing.limit`: scaled values are left as they are."""


@dataclass(frozen=True)
class Preprocessing:
    """How raw values become network inputs.

    Parameters
    ----------
    scaling : str
        Where `center` and `scale` come from: ``standard`` (mean, standard deviation) or ``robust``
        (median, interquartile range / 1.349), or ``none`` for a model that takes raw values (0 and 1).
    center, scale : tuple of float
        One per sensor, in the sensor's own unit; ``(value - center) / scale`` is what the network sees.
    window : int
        Consecutive readings the network sees at once.
    stride : int
        Readings between the starts of two windows that are scored.
    limit : float
        Scaled values are limited to ± `limit`, in scales: farther out is far out, and int8 has steps to spare
        for what lies between.
    """

    scaling: str
    center: tuple[float, ...]
    scale: tuple[float, ...]
    window: int = 1
    stride: int = 1
    limit: float = 8.0

    @property
    def sensors(self) -> int:
        """Number of sensors."""
        return len(self.center)

    @property
    def inputs(self) -> int:
        """Number of network inputs."""
        return self.window * self.sensors

    @cached_property
    def _center(self) -> FloatArray:
        return np.asarray(self.center, np.float32)

    @cached_property
    def _gain(self) -> FloatArray:
        return gain(self.scale)

    def transform(self, windows: FloatArray) -> FloatArray:
        """Return network inputs.

        Parameters
        ----------
        windows : ndarray of shape (n, window, sensors), float32
            Raw sensor values.

        Returns
        -------
        ndarray of shape (n, inputs), float32
            Scaled and limited values; sensors vary fastest.
        """
        scaled = (windows - self._center) * self._gain
        return np.clip(scaled, -self.limit, self.limit).reshape(len(windows), self.inputs)


def gain(scale: tuple[float, ...]) -> FloatArray:
    """Return ``1 / scale`` in float32, the factor that graph and host both multiply by."""
    return (1.0 / np.asarray(scale, np.float64)).astype(np.float32)


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


def as_windows(values: npt.ArrayLike, window: int, sensors: int) -> FloatArray:
    """Return `values` as windows, float32 and contiguous.

    Accepts ``(n, window, sensors)``, ``(n, window * sensors)`` and, for a window of one reading,
    ``(n, sensors)``.

    Raises
    ------
    InputShapeError
        If the shape is another one, or the values are not finite numbers.
    """
    try:
        array = np.ascontiguousarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputShapeError(f"windows must be real numbers. Received: {type(values).__name__} ({error})") from error
    if array.ndim == 2 and array.shape[1] == window * sensors:
        array = array.reshape(-1, window, sensors)
    if array.shape[1:] == (window, sensors):
        if not np.isfinite(array).all():
            raise InputShapeError(
                "windows must hold finite numbers. Received: NaN or infinite values. Leave such readings out, "
                "or repeat the sensor's last value."
            )
        return array
    raise InputShapeError(
        f"expected windows of shape (n, {window}, {sensors}) or (n, {window * sensors}): {window} reading(s) of "
        f"{sensors} sensor(s). Received: shape {array.shape}. `saelite inspect` lists the model's sensors in order."
    )


class WindowBuffer:
    """The last `window` readings of a stream, always one contiguous block.

    Each reading is stored twice, one window apart, so that the newest window is a plain slice and no
    reading is ever moved.
    """

    def __init__(self, window: int, stride: int, sensors: int) -> None:
        self.window, self.stride = window, stride
        self._rows: FloatArray = np.zeros((2 * window, sensors), np.float32)
        self.clear()

    def clear(self) -> None:
        """Forget all readings."""
        self._position = 0
        self._until_due = self.window

    def push(self, reading: npt.ArrayLike) -> FloatArray | None:
        """Add one reading; return the window as a view when one is due, else None."""
        position, window = self._position, self.window
        self._rows[position] = reading
        self._rows[position + window] = reading
        self._position = (position + 1) % window
        self._until_due -= 1
        if self._until_due:
            return None
        self._until_due = self.stride
        return self._rows[position + 1 : position + 1 + window]
