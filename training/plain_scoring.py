"""Scores of plain weights in float64; a row's score does not depend on the other rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.inference.heads import Head
from training.run_folder import DenseLayer, Network

Array = npt.NDArray[np.float64]
_ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": lambda x: 0.5 * (1.0 + np.tanh(0.5 * x)),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "tanh": np.tanh,
}


def plain_parts(network: Network, inputs: FloatArray) -> dict[str, Array]:
    """Return the arrays a head takes, of scaled inputs of shape (n, inputs)."""
    outputs = _outputs(inputs.astype(np.float64), network.encoder)
    codes = _largest(outputs[-1], network.kept)
    return {
        "inputs": outputs[0],
        "hidden": np.concatenate([outputs[0][:, :0], *outputs[1:-1]], axis=1),
        "codes": codes,
        "residual": outputs[0] - _outputs(codes, network.decoder)[-1],
    }


def plain_scores(network: Network, head: Head, inputs: FloatArray) -> Array:
    """Return one score per row of scaled inputs, shape (n, inputs); higher is more anomalous."""
    parts = plain_parts(network, inputs)
    z = np.concatenate([parts[name] for name in head.parts], axis=1) - head.mean
    whitenings = head.whitening if head.whitening.ndim == 3 else head.whitening[None]
    if head.whitening.ndim == 1:
        return np.asarray(np.square(z * head.whitening).sum(axis=1))
    # einsum sums each row on its own; the rounding of a matrix product depends on the number of rows.
    whitened = np.einsum("nd,kde->nke", z, whitenings)
    centers = np.zeros((1, whitened.shape[2])) if head.centers is None else head.centers
    return np.asarray(np.square(whitened - centers).sum(axis=2).min(axis=1))


def _largest(codes: Array, count: int) -> Array:
    if not count:
        return codes
    return codes * (codes >= np.partition(codes, -count, axis=1)[:, [-count]])


def _outputs(x: Array, layers: tuple[DenseLayer, ...]) -> list[Array]:
    outputs = [x]
    for layer in layers:
        # einsum sums each row on its own; the rounding of a matrix product depends on the number of rows.
        outputs.append(_ACTIVATIONS[layer.activation](np.einsum("nd,de->ne", outputs[-1], layer.kernel) + layer.bias))
    return outputs
