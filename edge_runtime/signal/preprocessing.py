"""Raw windows of sensor values to the network's inputs: the one definition, for training and device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isfinite

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import InputShapeError
from edge_runtime.signal.features import SPECTRA, STATISTICS, band_matrix, dft_matrix, log_power, rows_of, slope_weights

__all__ = ["Preprocessing", "WindowBuffer", "as_windows", "gain", "sliding_windows"]

_STEP_VALUES = 2**21

_FEW_VALUES, _MANY_VALUES = 64, 4096
UNLIMITED = 1e30
"""As `Preprocessing.limit`: scaled values are left as they are."""


@dataclass(frozen=True)
class Preprocessing:
    """How raw values become network inputs.

    Values are scaled and limited, summed up to `features`, and these scaled and limited once more.

    Parameters
    ----------
    scaling : str
        Where `center` and `scale` come from: ``standard`` (mean, standard deviation) or ``robust``
        (median, interquartile range / 1.349), or ``none`` for a model that takes raw values (0 and 1).
    center, scale : tuple of float
        One per sensor, in the sensor's own unit; ``(value - center) / scale`` is the scaled value.
    window : int
        Consecutive readings the network sees at once.
    stride : int
        Readings between the starts of two windows that are scored.
    limit : float
        Scaled values are limited to ± `limit`, in scales: farther out is far out, and int8 has steps to spare
        for what lies between.
    features : tuple of str
        See `edge_runtime.signal.features`; ``("values",)`` is the scaled values as they are.
    bands : int
        Of the spectra, per sensor.
    rate_hz : float
        Readings per second, which ``logmel`` needs; 0 where unknown.
    feature_center, feature_scale : tuple of float
        One per network input; empty without features other than ``values``.
    """

    scaling: str
    center: tuple[float, ...]
    scale: tuple[float, ...]
    window: int = 1
    stride: int = 1
    limit: float = 8.0
    features: tuple[str, ...] = ("values",)
    bands: int = 0
    rate_hz: float = 0.0
    feature_center: tuple[float, ...] = ()
    feature_scale: tuple[float, ...] = ()

    @property
    def sensors(self) -> int:
        """Number of sensors."""
        return len(self.center)

    @property
    def inputs_per_sensor(self) -> int:
        """Number of network inputs each sensor has."""
        return sum(rows_of(feature, self.window, self.bands) for feature in self.features)

    @property
    def inputs(self) -> int:
        """Number of network inputs; sensors vary fastest."""
        return self.inputs_per_sensor * self.sensors

    @cached_property
    def _center(self) -> FloatArray:
        return np.asarray(self.center, np.float32)

    @cached_property
    def _gain(self) -> FloatArray:
        return gain(self.scale)

    @cached_property
    def _feature_center(self) -> FloatArray:
        return np.asarray(self.feature_center, np.float32)

    @cached_property
    def _feature_gain(self) -> FloatArray:
        return gain(self.feature_scale)

    @cached_property
    def spectra(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """DFT and band matrix of each spectrum among the features; see `edge_runtime.signal.features`."""
        return {
            feature: (dft_matrix(self.window), band_matrix(feature, self.window, self.bands, self.rate_hz))
            for feature in self.features
            if feature in SPECTRA
        }

    def transform(self, windows: FloatArray) -> FloatArray:
        """Return network inputs.

        Parameters
        ----------
        windows : ndarray of shape (n, window, sensors), float32
            Raw sensor values.

        Returns
        -------
        ndarray of shape (n, inputs), float32
            Sensors vary fastest.
        """
        inputs = self.raw_features(windows)
        if self.feature_scale:
            return np.asarray(np.clip((inputs - self._feature_center) * self._feature_gain, -self.limit, self.limit))
        return inputs

    def raw_features(self, windows: FloatArray) -> FloatArray:
        """Return the features before their own scaling, shape (n, inputs)."""
        if self.features == ("values",):
            return self._scaled(windows).reshape(len(windows), self.inputs)
        features = np.empty((len(windows), self.inputs), np.float32)
        # Spectra need several times the windows' memory on the way.
        step = max(1, _STEP_VALUES // (self.window * self.sensors))
        for start in range(0, len(windows), step):
            scaled = self._scaled(windows[start : start + step])
            rows = np.concatenate([self._feature(name, scaled) for name in self.features], axis=1)
            features[start : start + step] = rows.reshape(len(scaled), self.inputs)
        return features

    def _scaled(self, windows: FloatArray) -> FloatArray:
        return np.asarray(np.clip((windows - self._center) * self._gain, -self.limit, self.limit))

    def _feature(self, name: str, scaled: FloatArray) -> FloatArray:
        """Return one feature of scaled windows, shape (n, rows, sensors)."""
        if name == "values":
            return scaled
        if name in SPECTRA:
            return log_power(scaled, *self.spectra[name])
        if name == "slope":
            return np.asarray(np.matmul(slope_weights(self.window), scaled))
        return np.asarray(STATISTICS[name](scaled))


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
    """Return `values` as windows of finite numbers, float32 and contiguous.

    Accepts ``(n, window, sensors)``, ``(n, window * sensors)`` and, for a window of one reading,
    ``(n, sensors)``.

    Raises
    ------
    InputShapeError
        If the shape is another one, or the values are not finite numbers.
    """
    array = shaped_windows(values, window, sensors)
    refuse_missing(array)
    return array


def shaped_windows(values: npt.ArrayLike, window: int, sensors: int) -> FloatArray:
    """Return what `as_windows` does, without a look at the values."""
    try:
        array = np.ascontiguousarray(values, dtype=np.float32)
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

    One reading's are summed up in float64, which float32 values never overflow. Of very many the sum of squares is one
    fast pass without a temporary array, and finite only if they are; where it overflows they are looked at one by one.

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
