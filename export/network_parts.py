"""The network in float64: what a quantised graph is measured against, and what scores where there is no graph."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from export.graph.activations import find_activation
from training.run_folder import DenseLayer, Network

Float64Array = npt.NDArray[np.float64]


def network_parts(network: Network, inputs: FloatArray) -> dict[str, Float64Array]:
    """Return what heads are made of, each of shape (n, width): the graph's formulas in float64.

    Parameters
    ----------
    inputs : ndarray of shape (n, inputs), float32
        Scaled.

    Raises
    ------
    ModelFileError
        If an activation is unknown.
    """
    x = np.asarray(inputs, np.float64)
    *hidden, codes = _layers(x, network.encoder, "encoder")
    if network.kept:
        codes = codes * (codes >= np.sort(codes, axis=1)[:, -network.kept, None])
    parts = {"inputs": x, "hidden": np.concatenate([x[:, :0], *hidden], axis=1), "codes": codes}
    if network.decoder:
        parts["residual"] = x - _layers(codes, network.decoder, "decoder")[-1]
    return parts


def _layers(x: Float64Array, layers: tuple[DenseLayer, ...], part: str) -> list[Float64Array]:
    """Return the output of each layer, in order."""
    outputs = []
    for number, layer in enumerate(layers):
        activation = find_activation(layer.activation, f"{part} layer {number}")
        x = activation.in_numpy(x @ layer.kernel.astype(np.float64) + layer.bias)
        outputs.append(x)
    return outputs
