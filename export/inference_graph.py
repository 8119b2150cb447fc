"""The whole detector as one TFLite graph, rebuilt from plain weights.

``window`` (raw sensor units) → scaling → encoder (→ decoder) → head → ``codes``, ``score``, ``contributions`` and
``expected``. Nothing of training is left: no penalty, no optimizer, no Keras object. Heads are fitted on the outputs
of the quantised network, so there is also a graph without a head: the probe.
"""

from __future__ import annotations

from collections.abc import Mapping

from edge_runtime.arrays import FloatArray
from edge_runtime.inference.attribution import Attribution
from edge_runtime.inference.graph_constants import graph_constants, scaling_constants
from edge_runtime.inference.heads import PARTS, Head, needs_decoder
from edge_runtime.model_file.patching import PREFIX
from edge_runtime.signal.preprocessing import Preprocessing
from export.graph import ops
from export.graph.network_graph import decode, encode, network_outputs
from export.graph.preprocessing_graph import SCALING_SCOPE, network_inputs
from export.graph.scoring_graph import HEAD_SCOPE, attributions, distances, nan_unless_finite
from export.graph.writer import GraphTensor, GraphWriter, Named
from training.run_folder import Network

FLOAT_SCOPES = (HEAD_SCOPE, SCALING_SCOPE)
"""Scopes of the ops before and after the network, which stay float."""


def build_detector_graph(
    network: Network, preprocessing: Preprocessing, head: Head, attribution: Attribution | None, *, halves: bool = False
) -> bytes:
    """Return the whole detector as a float32 flatbuffer with the signature ``serving_default``.

    The constants that depend on the machine are named (`edge_runtime.model_file.patching`). The batch size is left
    open.

    Parameters
    ----------
    network : Network
    preprocessing : Preprocessing
    head : Head
    attribution : Attribution, optional
    halves : bool
        Whether large matrices of head and attribution are stored in float16.

    Raises
    ------
    ModelFileError
        If an activation has no TFLite form here.
    """
    constants = _named(graph_constants(preprocessing, head, attribution, halves=halves))
    window = _window(preprocessing)
    inputs = network_inputs(window, preprocessing, constants)
    hidden, codes = encode(inputs, network)
    parts = {"inputs": [inputs], "hidden": hidden, "codes": [codes]}
    if needs_decoder(head.kind):
        reconstruction = decode(codes, network)
    with window.graph.scope(HEAD_SCOPE):
        missing = nan_unless_finite(window)
        if needs_decoder(head.kind):
            parts["residual"] = [ops.subtract(inputs, reconstruction)]
        z = ops.concatenate([part for name in head.parts for part in parts[name]])
        squares = distances(z, head, constants)
        score = ops.add(ops.reduce("REDUCE_MIN", squares, 1), missing)
        outputs = {"codes": codes, "score": score}
        if attribution is not None:
            outputs |= attributions(inputs, score, squares, preprocessing.sensors, attribution, constants)
        if "expected" in outputs:
            outputs["expected"] = ops.add(outputs["expected"], ops.reshape(missing, 1))
    return window.graph.write(outputs)


def build_probe_graph(network: Network, preprocessing: Preprocessing, heads: tuple[str, ...] = tuple(PARTS)) -> bytes:
    """Return scaling and network alone: ``window`` → ``inputs`` and ``codes``.

    If one of the heads needs them, ``hidden_0`` … and ``reconstruction`` are outputs too.
    """
    window, constants = _window(preprocessing), _named(scaling_constants(preprocessing))
    inputs = network_inputs(window, preprocessing, constants)
    outputs = network_outputs(inputs, network, heads)
    with window.graph.scope(HEAD_SCOPE):
        # A separate tensor: the network's input itself would be returned in the network's type. Written last, because
        # the quantiser (litert-quantizer 0.11) also gives the last op whatever it turns back to float for an output.
        outputs["inputs"] = ops.add(inputs, ops.reshape(nan_unless_finite(window), 1))
    return window.graph.write(outputs)


def build_network_graph(network: Network, heads: tuple[str, ...] = (), batch: int = 1) -> bytes:
    """Return the network alone: ``inputs`` (batch, inputs) → ``codes``.

    If one of the heads needs them, ``reconstruction`` and ``hidden_0`` … are outputs too. For targets whose host scales
    and scores. The batch is fixed: the Edge TPU supports fixed shapes only.
    """
    graph = GraphWriter()
    inputs = graph.input("inputs", (len(network.encoder[0].kernel),), batch)
    return graph.write(network_outputs(inputs, network, heads))


def _window(preprocessing: Preprocessing) -> GraphTensor:
    return GraphWriter().input("window", (preprocessing.window, preprocessing.sensors))


def _named(constants: Mapping[str, FloatArray]) -> dict[str, Named]:
    return {name: Named(f"{PREFIX}{name}", values) for name, values in constants.items()}
