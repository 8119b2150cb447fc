"""The network as ops of the graph."""

from __future__ import annotations

from collections.abc import Iterable

from edge_runtime.inference.heads import PARTS, needs_decoder
from export.graph import ops
from export.graph.activations import find_activation
from export.graph.writer import GraphTensor, Named
from training.run_folder import DenseLayer, Network

_ENCODER, _DECODER = "encoder", "decoder"
FIRST_LAYER_SCOPE, SECOND_LAYER_SCOPE = f"{_ENCODER}_0", f"{_ENCODER}_1"
"""Scopes of the ops of these layers of the encoder."""


def network_outputs(inputs: GraphTensor, network: Network, heads: Iterable[str]) -> dict[str, GraphTensor]:
    """Return ``codes``; and ``hidden_0`` … and ``reconstruction``, where one of the heads needs them."""
    hidden, codes = encode(inputs, network)
    outputs, needed = {"codes": codes}, list(heads)
    if any("hidden" in PARTS[head] for head in needed):
        outputs |= {f"hidden_{number}": layer for number, layer in enumerate(hidden)}
    if network.decoder and any(map(needs_decoder, needed)):
        outputs["reconstruction"] = decode(codes, network)
    return outputs


def encode(inputs: GraphTensor, network: Network) -> tuple[list[GraphTensor], GraphTensor]:
    """Return the outputs of the hidden layers, and the codes."""
    *hidden, codes = _layers(inputs, network.encoder, _ENCODER)
    if network.kept:
        with codes.graph.scope("kept"):
            lowest = ops.columns(ops.largest(codes, network.kept), network.kept - 1, 1)
            codes = ops.multiply(codes, ops.at_least(codes, lowest))
    return hidden, codes


def decode(codes: GraphTensor, network: Network) -> GraphTensor:
    """Return the reconstruction."""
    return _layers(codes, network.decoder, _DECODER)[-1]


def _layers(x: GraphTensor, layers: tuple[DenseLayer, ...], part: str) -> list[GraphTensor]:
    """Return the output of each layer, in order."""
    outputs = []
    for number, layer in enumerate(layers):
        activation, scope = find_activation(layer.activation, f"{part} layer {number}"), f"{part}_{number}"
        with x.graph.scope(scope):
            kernel = Named(f"{scope}/kernel", layer.kernel)
            bias = Named(f"{scope}/bias", layer.bias) if layer.bias.any() else None
            x = activation.in_graph(ops.dense(x, kernel, bias, activation.fused))
        outputs.append(x)
    return outputs
