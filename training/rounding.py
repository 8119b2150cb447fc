"""What an int8 file's rounding will add to the arrays a scoring head takes, before there is a file."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt

from edge_runtime.preprocessing import UNLIMITED, FloatArray
from training.autoencoder import SparseAutoencoder

_ROWS = 2000
_FAR_INPUTS = 256
# Without a limit export leaves a quarter of the range on either side.
_UNLIMITED_REACH = 1.5
_STEPS = 255
_SIGMOID_STEP = 1 / 256


def rounding_errors(model: SparseAutoencoder, inputs: FloatArray, limit: float) -> dict[str, FloatArray]:
    """Return a sample of the errors, in arrays as of `training.parts.head_parts`.

    A value rounded to steps of a width is off by what is uniform over that width and independent of the value
    (variance width²/12), where the value wanders over many steps. The network is run on inputs with such errors, and
    adds them to each layer's values, so that errors of the inputs come out as correlated as they will on the device.

    Parameters
    ----------
    inputs : ndarray of shape (n, inputs), float32
        Scaled normal windows.
    limit : float
        Of the preprocessing: inputs reach from ``-limit`` to ``limit``.

    References
    ----------
    Bennett (1948), Spectra of quantized signals. Widrow (1961), Statistical analysis of amplitude-quantized
    sampled-data systems.
    """
    rng = np.random.default_rng(0)
    clean = inputs[rng.integers(len(inputs), size=_ROWS)]
    reach = limit if limit < UNLIMITED else _UNLIMITED_REACH * float(np.abs(clean).max())
    far = _far_out(inputs.shape[1], reach, rng)
    noisy = _dithered(clean, 2 * reach / _STEPS, rng)
    errors = []
    for layer in (*model.encoder.layers, *model.decoder.layers):
        clean, noisy, far = (np.asarray(layer(values)) for values in (clean, noisy, far))
        noisy = _dithered(noisy, _step(layer, np.concatenate([clean, far])), rng)
        errors.append(noisy - clean)
    codes = len(model.encoder.layers) - 1
    nothing = np.zeros((_ROWS, inputs.shape[1]), np.float32)  # the head is given the inputs as they are
    hidden = np.concatenate([nothing[:, :0], *errors[:codes]], axis=1)
    return {"inputs": nothing, "hidden": hidden, "codes": errors[codes], "residual": -errors[-1]}


def _far_out(width: int, reach: float, rng: np.random.Generator) -> FloatArray:
    """Return windows with one input far out on either side, as export has them in its representative dataset."""
    chosen = rng.permutation(width)[:_FAR_INPUTS]
    far = np.zeros((2 * len(chosen), width), np.float32)
    far[np.arange(len(far)), np.tile(chosen, 2)] = np.repeat([reach, -reach], len(chosen))
    return far


def _step(layer: keras.layers.Layer, values: FloatArray) -> float:
    if layer.activation.__name__ == "sigmoid":
        return _SIGMOID_STEP
    # A range always holds 0, which is represented exactly.
    return float(max(values.max(), 0.0) - min(values.min(), 0.0)) / _STEPS


def _dithered(values: FloatArray, step: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    return values + np.float32(step) * (rng.random(values.shape, np.float32) - np.float32(0.5))
