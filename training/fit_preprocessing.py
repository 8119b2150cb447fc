"""Fitting the preprocessing on the training rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import UsageError
from edge_runtime.fitting.scaling import FEATURE_FLOOR, QUANTILE_ROWS, robust
from edge_runtime.signal.features import FEATURES, MAX_SPECTRUM_WINDOW, SPECTRA
from edge_runtime.signal.preprocessing import Preprocessing
from training.recordings.stretches import Stretches
from training.settings import DetectorSettings

_FEATURE_WINDOWS = 20_000
_FEATURE_BYTES = 2**26
_LEAST_WINDOW = 4


def fit_scaling(train: Stretches, scaling: str) -> tuple[FloatArray, FloatArray]:
    """Return centre and scale of each sensor over the training rows.

    If ``robust`` finds an interquartile range of zero (a sensor that mostly rests), the standard deviation is used.

    Parameters
    ----------
    scaling : str
        ``standard`` or ``robust``.

    Returns
    -------
    center, scale : ndarray of shape (sensors,), float64
    """
    center, scale = _moments(train)
    if scaling == "robust":
        step = max(1, train.rows // QUANTILE_ROWS)
        return robust(np.concatenate([block[::step] for block in train.blocks()]), scale)
    return center, scale


def _moments(train: Stretches) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation in two passes: one pass would lose digits if the mean is large."""
    center = sum(block.sum(axis=0, dtype=np.float64) for block in train.blocks()) / train.rows
    squares = sum(np.square(block - center).sum(axis=0) for block in train.blocks())
    return np.asarray(center), np.sqrt(squares / train.rows)


def fit_preprocessing(
    train: Stretches, settings: DetectorSettings, rng: np.random.Generator, rate_hz: float = 0.0
) -> Preprocessing:
    """Return the preprocessing of windows like the training ones.

    Raises
    ------
    UsageError
        If a feature is unknown, or cannot be computed from such windows.
    """
    features = settings.features or ("values",)
    _check_features(features, train.window, rate_hz)
    center, scale = fit_scaling(train, settings.scaling)
    has_spectra = any(feature in SPECTRA for feature in features)
    preprocessing = Preprocessing(
        settings.scaling,
        tuple(center.tolist()),
        tuple(scale.tolist()),
        train.window,
        train.stride,
        features=features,
        bands=min(settings.bands, train.window // 2) if has_spectra else 0,
        rate_hz=rate_hz,
    )
    if features == ("values",):
        return preprocessing
    limit = max(2, min(_FEATURE_WINDOWS, _FEATURE_BYTES // (4 * train.window * train.values.shape[1])))
    values = preprocessing.raw_features(train.sample(limit, rng)).astype(np.float64)
    return replace(
        preprocessing,
        feature_center=tuple(values.mean(axis=0).tolist()),
        feature_scale=tuple(np.maximum(values.std(axis=0), FEATURE_FLOOR).tolist()),
    )


def _check_features(features: tuple[str, ...], window: int, rate_hz: float) -> None:
    unknown = [feature for feature in features if feature not in FEATURES]
    if unknown or not features or len(set(features)) < len(features):
        raise UsageError(
            f"--features: expected some of {', '.join(FEATURES)}, each once. Received: {', '.join(features)!r}"
        )
    needs_window = [feature for feature in features if feature not in ("values", "mean", "min", "max")]
    if window < _LEAST_WINDOW and needs_window:
        raise UsageError(
            f"--features {','.join(needs_window)} need a --window of {_LEAST_WINDOW} or more readings. "
            f"Received: {window}."
        )
    spectra = [feature for feature in features if feature in SPECTRA]
    if spectra and window > MAX_SPECTRUM_WINDOW:
        raise UsageError(
            f"--features {','.join(spectra)} take a --window of up to {MAX_SPECTRUM_WINDOW} readings: the file holds "
            f"a matrix of window x window numbers. Received: {window}. Choose a smaller --window with a --stride."
        )
    if "logmel" in spectra and not rate_hz:
        raise UsageError(
            "--features logmel needs readings per second, which the recording does not give. Expected a WAV file, "
            "or a time column in seconds. Take --features spectrum instead."
        )
