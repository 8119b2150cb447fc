"""What a window's readings are summed up to before the network sees them.

==========  ==========================  ==================================================================
feature     rows per sensor             of the scaled readings x(0) … x(w - 1) of one sensor
==========  ==========================  ==================================================================
values      window                      the readings themselves
mean        1                           mean(x)
std         1                           sqrt(mean((x - mean(x))²))
min, max    1                           smallest, largest
slope       1                           rise of the least-squares line from the first reading to the last
spectrum    bands                       log(power + 1e-6) in equally wide bands above 0 Hz
logmel      bands                       the same in bands equally wide in mel, overlapping triangles
==========  ==========================  ==================================================================

The power spectrum is the Hann-windowed DFT's, as a product with a constant matrix, so that a graph holds the very
numbers; white noise of variance 1 has power 1 at every frequency. 1e-6 is the floor: a sensor at rest gives -13.8.

Sums over a window add one reading after the other in float32, as a microcontroller does: ``mean``, ``std`` and
``slope`` of the C library are the same to the bit. Spectra are not: they are left to the fastest matrix product and to
the platform's logarithm, which differ in the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray


def total(x: FloatArray) -> FloatArray:
    """Return the sums over windows of shape (n, window, sensors), each added from the first reading to the last.

    numpy's own sums choose their order by the array's layout; an accumulation has but one.

    Returns
    -------
    ndarray of shape (n, 1, sensors), float32
    """
    return np.add.accumulate(x, axis=1)[:, -1:]


def mean(x: FloatArray) -> FloatArray:
    """Return the mean of each window, shape (n, 1, sensors)."""
    return total(x) / np.float32(x.shape[1])


def deviation(x: FloatArray) -> FloatArray:
    """Return the standard deviation of each window, shape (n, 1, sensors)."""
    return np.sqrt(mean(np.square(x - mean(x))))


def rows_of(feature: str, window: int, bands: int) -> int:
    """Return how many numbers a feature gives per sensor."""
    return window if feature == "values" else bands if feature in SPECTRA else 1


def slope_weights(window: int) -> FloatArray:
    """Return the weights, shape (1, window), whose sum of products with x is its slope over the window."""
    time = np.arange(window) - (window - 1) / 2
    weights = time * (window - 1) / max(float(np.square(time).sum()), 1e-30)
    return np.asarray(weights[None], np.float32)


def slope(x: FloatArray) -> FloatArray:
    """Return the rise of the least-squares line of each window, shape (n, 1, sensors)."""
    return total(slope_weights(x.shape[1]).T * x)


STATISTICS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "mean": mean,
    "std": deviation,
    "min": lambda x: x.min(axis=1, keepdims=True),
    "max": lambda x: x.max(axis=1, keepdims=True),
    "slope": slope,
}
SPECTRA = ("spectrum", "logmel")
FEATURES = ("values", *STATISTICS, *SPECTRA)
POWER_FLOOR = 1e-6
# The DFT's matrix has window² numbers; 2048 readings make a file of 17 MB.
MAX_SPECTRUM_WINDOW = 2048


def dft_matrix(window: int) -> FloatArray:
    """Return the Hann-windowed DFT as a matrix of shape (2 * bins, window): cosines, then sines.

    ``bins`` is ``window // 2 + 1``. The sum of squares of the two products of one bin is its power.
    """
    phase = 2 * np.pi * np.outer(np.arange(window // 2 + 1), np.arange(window)) / window
    hann = hann_window(window)
    return np.asarray(np.concatenate([np.cos(phase) * hann, -np.sin(phase) * hann]), np.float32)


def hann_window(window: int) -> npt.NDArray[np.float64]:
    """Return the Hann window, whose squares sum to 1."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(window) + 0.5) / window)
    return np.asarray(hann / np.sqrt(np.square(hann).sum()))


def band_matrix(feature: str, window: int, bands: int, rate_hz: float) -> FloatArray:
    """Return the weights of the DFT's bins in each band, shape (bands, bins); each row sums to 1."""
    bins = np.arange(window // 2 + 1, dtype=np.float64)
    if feature == "spectrum":
        # Bin k stands for the frequencies from k to k + 1; bin 0 is the mean.
        edges = np.linspace(1, len(bins), bands + 1)
        weights = ((bins + 0.5 >= edges[:-1, None]) & (bins + 0.5 < edges[1:, None])).astype(np.float64)
        middles = (edges[:-1] + edges[1:]) / 2 - 0.5
    else:
        edges = _hertz(np.linspace(0, _mel(rate_hz / 2), bands + 2)) * window / rate_hz
        rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
        falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
        weights = np.maximum(np.minimum(rising, falling), 0.0)
        middles = edges[1:-1]
    # A band narrower than one bin takes the bin nearest to its middle.
    nearest = np.clip(np.rint(middles), 1, len(bins) - 1).astype(int)
    empty = weights.sum(axis=1) == 0
    weights[empty, nearest[empty]] = 1.0
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def log_power(x: FloatArray, dft: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the log power of windows of shape (n, window, sensors) in bands, shape (n, bands, sensors)."""
    waves = np.square(np.matmul(dft, x))
    bins = len(dft) // 2
    power = np.matmul(weights, waves[:, :bins] + waves[:, bins:])
    return np.asarray(np.log(power + np.float32(POWER_FLOOR)))


def _mel(hertz: float) -> float:
    return 2595.0 * float(np.log10(1.0 + hertz / 700.0))


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
