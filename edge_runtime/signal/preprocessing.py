"""From raw windows of sensor values to the network's inputs: one definition for training and device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.signal.features import SPECTRA, STATISTICS, band_matrix, dft_matrix, log_power, rows_of

_STEP_VALUES = 2**21

UNLIMITED = 1e30
"""As `Preprocessing.limit`: scaled values are left as they are."""


@dataclass(frozen=True)
class Preprocessing:
    """How raw values become network inputs.

    Values are scaled and limited and summarised as `features`, which are scaled and limited again.

    Parameters
    ----------
    scaling : str
        Where `center` and `scale` come from: ``standard`` (mean, standard deviation) or ``robust``
        (median, interquartile range / 1.349), or ``none`` for a model that takes raw values (0 and 1).
    center, scale : tuple of float
        One per sensor, in the sensor's own unit; ``(value - center) / scale`` is the scaled value.
        Where the mean follows the readings, the centre is the mean at the end of the recording
        (`edge_runtime.fitting.followed_windows`).
    window : int
        Number of consecutive readings per window.
    stride : int
        Readings from the start of one window to the start of the next.
    limit : float
        Scaled values are limited to ± `limit`, in scales: beyond that they are extreme anyway, and int8 keeps enough
        steps for the range between. At 8, a fault seventy scales large was no more than an accident of eight among the
        normal rows (SKAB).
    features : tuple of str
        See `edge_runtime.signal.features`; ``("values",)`` means the scaled values themselves.
    bands : int
        Number of bands of the spectra, per sensor.
    rate_hz : float
        Readings per second, which ``logmel`` needs; 0 if unknown.
    feature_center, feature_scale : tuple of float
        One per network input; empty without features other than ``values``.
    """

    scaling: str
    center: tuple[float, ...]
    scale: tuple[float, ...]
    window: int = 1
    stride: int = 1
    limit: float = 12.0
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
        # Spectra temporarily need several times the windows' memory.
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
        return np.asarray(STATISTICS[name](scaled))


def gain(scale: tuple[float, ...]) -> FloatArray:
    """Return ``1 / scale`` in float32, the factor that graph and host both multiply by."""
    return (1.0 / np.asarray(scale, np.float64)).astype(np.float32)
