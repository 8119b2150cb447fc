"""Graphs as they are written: their numbers beside formulas of other hands, their versions, names and constants."""

from dataclasses import replace
from itertools import product

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from maths_cases import INCOMPLETE, OWN_FORM, WINDOWS, scoring_case
from reference_kernels import ours_by_name

from edge_runtime.errors import ModelFileError
from edge_runtime.inference import graph_constants as constants_module
from edge_runtime.inference.graph_constants import graph_constants
from edge_runtime.inference.heads import PARTS, Head
from edge_runtime.model_file.checking.tflite_graph import read_checked_graph
from edge_runtime.model_file.patching import has_halves, read_constants, with_constants
from edge_runtime.signal.features import FEATURES
from edge_runtime.signal.preprocessing import Preprocessing
from export.flatbuffer import changed, parse
from export.graph import ops
from export.graph.activations import ACTIVATIONS
from export.graph.writer import GraphWriter, Named
from export.inference_graph import build_detector_graph, build_network_graph, build_probe_graph
from export.network_parts import network_parts
from export.op_versions import set_op_versions
from training.run_folder import DenseLayer, Network


def litert_by_name(flatbuffer, values):
    """Return every output of LiteRT by name, for a batch."""
    interpreter = Interpreter(model_content=flatbuffer, num_threads=1)
    entry = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(entry, values.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry, values)
    interpreter.invoke()
    return {details["name"]: interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()}


RUNTIMES = {"numpy": ours_by_name, "ai-edge-litert": litert_by_name}
KERAS_ACTIVATIONS = {name: keras.activations.get(name) for name in ACTIVATIONS} | {
    "leaky_relu(0.25)": lambda x: keras.activations.leaky_relu(x, 0.25)
}
with_runtimes = pytest.mark.parametrize("runtime", RUNTIMES)
with_activations = pytest.mark.parametrize("activation", KERAS_ACTIVATIONS)


def graph_of(case):
    return build_detector_graph(case.network, case.preprocessing, case.head, case.attribution)


def layer_of(activation, inputs=4, units=3, seed=0):
    rng = np.random.default_rng(seed)
    kernel, bias = rng.normal(size=(inputs, units)), rng.normal(size=units)
    return DenseLayer(kernel.astype(np.float32), bias.astype(np.float32), activation)


@with_runtimes
@pytest.mark.parametrize(("kind", "feature"), [*product(PARTS, FEATURES)])
def test_every_head_of_every_feature_gives_the_numbers_of_the_formulas(kind, feature, runtime):
    case = scoring_case(kind, OWN_FORM.get(kind, "matrix"), (feature,))
    given = RUNTIMES[runtime](graph_of(case), np.concatenate([WINDOWS, INCOMPLETE]))
    shares, levels = case.attributions
    expected = {"codes": case.parts["codes"], "score": case.scores, "contributions": shares, "expected": levels}
    usual = np.flatnonzero(np.isfinite(case.scores.astype(np.float32)) & (np.abs(WINDOWS).max(axis=(1, 2)) < 1e30))
    assert set(given) == set(expected)
    for name, values in expected.items():
        reach = np.abs(values[usual]).max()
        np.testing.assert_allclose(given[name][usual], values[usual], rtol=1e-3, atol=1e-3 * reach, err_msg=name)
    assert np.isnan(given["score"][len(WINDOWS) :]).all()


@with_runtimes
@with_activations
def test_activation_is_that_of_keras(activation, runtime):
    layer = DenseLayer(np.eye(1, dtype=np.float32), np.zeros(1, np.float32), activation)
    x = np.concatenate([np.linspace(-12, 12, 97), [-300, -1e-6, 1e-6, 300]]).astype(np.float32)[:, None]
    expected = np.asarray(KERAS_ACTIVATIONS[activation](keras.ops.convert_to_tensor(x.astype(np.float64))))
    given = RUNTIMES[runtime](build_network_graph(Network((layer,)), batch=len(x)), x)
    np.testing.assert_allclose(given["codes"], expected, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(network_parts(Network((layer,)), x)["codes"], expected, rtol=1e-12, atol=1e-12)


@with_runtimes
@with_activations
@pytest.mark.parametrize("kept", [0, 2])
def test_network_of_several_layers_gives_the_parts_in_float64(activation, kept, runtime):
    encoder = layer_of(activation, 4, 6, 1), layer_of(activation, 6, 5, 2), layer_of(activation, 5, 3, 3)
    decoder = layer_of(activation, 3, 5, 4), layer_of("linear", 5, 4, 5)
    network = Network(encoder, decoder, kept)
    x = np.random.default_rng(6).normal(size=(20, 4)).astype(np.float32)
    given, parts = RUNTIMES[runtime](build_network_graph(network, tuple(PARTS), len(x)), x), network_parts(network, x)
    hidden = np.concatenate([given["hidden_0"], given["hidden_1"]], axis=1)
    found = {"hidden": hidden, "codes": given["codes"], "residual": x - given["reconstruction"]}
    assert not kept or (np.count_nonzero(parts["codes"], axis=1) <= kept).all()
    for name, values in found.items():
        np.testing.assert_allclose(values, parts[name], rtol=1e-4, atol=1e-4 * np.abs(parts[name]).max(), err_msg=name)


@with_runtimes
@pytest.mark.parametrize("scaling", ["standard", "none"])
def test_probe_gives_the_inputs_and_every_layer(scaling, runtime):
    preprocessing = Preprocessing(scaling, (0.0, 1.0), (1.0, 2.0) if scaling == "standard" else (1.0, 1.0), 2)
    network = Network((layer_of("relu"), layer_of("sigmoid", 3, 2)), (layer_of("linear", 2, 4),))
    windows = np.random.default_rng(0).normal(size=(9, 2, 2)).astype(np.float32)
    given = RUNTIMES[runtime](build_probe_graph(network, preprocessing), windows)
    inputs = windows.reshape(9, 4) if scaling == "none" else preprocessing.transform(windows)
    parts = network_parts(network, inputs)
    assert set(given) == {"inputs", "hidden_0", "codes", "reconstruction"}
    np.testing.assert_allclose(given["inputs"], inputs, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(given["codes"], parts["codes"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(given["reconstruction"], inputs - parts["residual"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", ["matrix", "vector", "prototypes", "modes"])
def test_graph_passes_the_verifier_and_holds_its_constants_by_name(form):
    case = scoring_case("joint", form, FEATURES)
    content = graph_of(case)
    graph = read_checked_graph(content)
    assert [graph.tensors[number].shape[0] for number in graph.inputs] == [1]
    assert graph.tensors[graph.inputs[0]].is_open
    expected = graph_constants(case.preprocessing, case.head, case.attribution)
    found = read_constants(content)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, name)


@with_runtimes
@pytest.mark.parametrize(("kind", "form"), [("joint", "matrix"), ("codebook", "prototypes"), ("modes", "modes")])
def test_graph_in_half_precision_gives_what_its_rounded_numbers_give_in_float32(kind, form, runtime, monkeypatch):
    monkeypatch.setattr(constants_module, "_WORTH_HALVING", 100)
    case = scoring_case(kind, form, FEATURES)
    whole = graph_of(case)
    halves = build_detector_graph(case.network, case.preprocessing, case.head, case.attribution, halves=True)
    read_checked_graph(halves)
    assert len(halves) < 0.85 * len(whole)
    assert has_halves(halves)
    assert not has_halves(whole)
    given = RUNTIMES[runtime](halves, WINDOWS)
    rounded = RUNTIMES[runtime](with_constants(whole, read_constants(halves)), WINDOWS)
    usual = np.abs(WINDOWS).max(axis=(1, 2)) < 1e30
    for name, values in RUNTIMES[runtime](whole, WINDOWS).items():
        np.testing.assert_allclose(given[name], rounded[name], rtol=1e-6, err_msg=name)
        reach = np.abs(values[usual]).max()
        np.testing.assert_allclose(given[name][usual], values[usual], rtol=0.01, atol=0.01 * reach, err_msg=name)


@pytest.mark.parametrize(("scale", "dtype"), [(1.0, np.float16), (1e6, np.float32), (1e-9, np.float32)])
def test_matrix_that_half_precision_does_not_hold_stays_as_it_is(scale, dtype, monkeypatch):
    monkeypatch.setattr(constants_module, "_WORTH_HALVING", 100)
    case = scoring_case("joint", "matrix", FEATURES)
    head = replace(case.head, whitening=(case.head.whitening * scale).astype(np.float32))
    found = graph_constants(case.preprocessing, head, None, halves=True)["head_whitening_0"]
    assert found.dtype == dtype
    np.testing.assert_allclose(found, head.whitening, atol=2**-11 * np.abs(head.whitening).max())


def test_small_matrices_stay_in_float32():
    case = scoring_case("t2", "matrix")
    assert not has_halves(build_detector_graph(case.network, case.preprocessing, case.head, None, halves=True))


def test_written_versions_are_those_that_the_types_need():
    parsed = parse(graph_of(scoring_case("modes", "modes", FEATURES)))
    assert {op.version for op in parsed.ops} == {1}
    assert changed(parsed.content, set_op_versions).ops == parsed.ops


def test_signature_names_inputs_and_outputs_as_their_tensors_are_named():
    parsed = parse(graph_of(scoring_case("t2", "matrix")))
    (signature,), graph = parsed.tree.signatureDefs, parsed.subgraph
    ends = [*signature.inputs, *signature.outputs]
    assert signature.signatureKey == b"serving_default"
    assert [entry.name for entry in ends] == [b"window", b"codes", b"score", b"contributions", b"expected"]
    assert [graph.tensors[entry.tensorIndex].name for entry in ends] == [entry.name for entry in ends]


def test_constants_are_shared_unless_they_have_names():
    graph = GraphWriter()
    x = graph.input("x", (3,))
    two = np.full(3, 2, np.float32)
    y = ops.multiply(ops.multiply(x, two), two)
    y = ops.add(ops.add(y, Named("first", two)), Named("second", two))
    tensors = parse(graph.write({"y": y})).subgraph.tensors
    constants = [tensor.name.decode() for tensor in tensors if tensor.buffer]
    assert constants == ["constant", "first", "second"]


def test_ops_of_a_scope_are_named_after_it():
    graph = GraphWriter()
    x = graph.input("x", (3,))
    with graph.scope("head"):
        y = ops.square(ops.square(x))
    names = [tensor.name.decode() for tensor in parse(graph.write({"y": ops.relu(y)})).subgraph.tensors]
    assert names == ["x", "head/square", "head/square_2", "y"]


def test_bias_of_zeros_takes_no_room():
    layer = layer_of("relu")
    without = DenseLayer(layer.kernel, np.zeros(3, np.float32), "relu")
    (dense,) = parse(build_network_graph(Network((without,)))).subgraph.operators
    assert dense.inputs[2] == -1
    x = np.random.default_rng(0).normal(size=(1, 4)).astype(np.float32)
    for run in RUNTIMES.values():
        given = run(build_network_graph(Network((without,))), x)["codes"]
        np.testing.assert_allclose(given, np.maximum(x @ layer.kernel, 0), rtol=1e-5, atol=1e-6)


def test_unknown_activation_names_layer_and_choices():
    network = Network((layer_of("relu"), layer_of("gelu", 3, 2)))
    preprocessing = Preprocessing("standard", (0.0,) * 4, (1.0,) * 4)
    head = Head("t2", np.zeros(2, np.float32), np.ones(2, np.float32))
    with pytest.raises(ModelFileError, match=r"encoder layer 1 has the activation 'gelu'. Expected one of: linear, "):
        build_detector_graph(network, preprocessing, head, None)
