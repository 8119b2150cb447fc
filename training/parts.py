"""What the full model makes of network inputs: the arrays a scoring head takes."""

from __future__ import annotations

import numpy as np

from edge_runtime.preprocessing import FloatArray
from training.autoencoder import SparseAutoencoder

_BATCH = 4096


def head_parts(model: SparseAutoencoder, inputs: FloatArray) -> dict[str, FloatArray]:
    """Return ``inputs``, ``hidden`` (all layers before the codes, side by side), ``codes`` and ``residual``.

    Parameters
    ----------
    inputs : ndarray of shape (n, inputs), float32
    """
    blocks = [_parts(model, inputs[start : start + _BATCH]) for start in range(0, max(len(inputs), 1), _BATCH)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _parts(model: SparseAutoencoder, inputs: FloatArray) -> dict[str, FloatArray]:
    outputs = [inputs]
    for layer in (*model.encoder.layers, *model.decoder.layers):
        outputs.append(layer(outputs[-1]))
    *hidden, codes = (np.asarray(output) for output in outputs[1 : len(model.encoder.layers) + 1])
    return {
        "inputs": inputs,
        "hidden": np.concatenate([inputs[:, :0], *hidden], axis=1),
        "codes": codes,
        "residual": inputs - np.asarray(outputs[-1]),
    }
