"""Files whose graph holds the network alone: the host scales, quantises and scores, whatever runs the graph."""

import subprocess
import sys

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from network_files import BIAS, PREPROCESSING, ROWS, UNITS, WEIGHTS, WINDOW, float_graph, int8_graph, model_file
from tflite_graphs import GraphBuilder

from edge_runtime import Detector
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.batching import BatchedGraph
from edge_runtime.inference.runtimes import NUMPY, Runtime, installed_runtimes
from edge_runtime.model_file.manifest import (
    QuantizedTensor,
)
from edge_runtime.signal.windows import sliding_windows


@pytest.fixture
def load(tmp_path):
    def write_and_load(parts, runtime="ai-edge-litert", **changes):
        path = tmp_path / "network.tflite"
        model_file(parts, **changes).write(path)
        return Detector.load(path, runtime=runtime)

    return write_and_load


def reference(windows):
    """Codes and scores in float64."""
    inputs = PREPROCESSING.transform(windows).astype(np.float64)
    codes = 1 / (1 + np.exp(-(inputs @ WEIGHTS.T + BIAS)))
    return codes, np.square(np.concatenate([inputs, codes], axis=1)).sum(axis=1)


@pytest.mark.parametrize("runtime", ["ai-edge-litert", "numpy"])
def test_float_network_gives_the_scores_of_the_formula(load, runtime):
    detector, windows = load(float_graph(), runtime), sliding_windows(ROWS, WINDOW)
    codes, scores = reference(windows)
    np.testing.assert_allclose(detector.encode(windows), codes, rtol=1e-4)
    np.testing.assert_allclose(detector.score_many(windows), scores, rtol=1e-4)
    # The file knows nothing of normal work: a sensor's contribution is what the score falls by at its centre.
    centers = np.float32(PREPROCESSING.center)
    without = [np.where(np.arange(4) == sensor, centers, windows) for sensor in range(4)]
    falls = np.stack([scores - reference(each)[1] for each in without], axis=1)
    np.testing.assert_allclose(detector.explain_many(windows), falls, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(detector.expected_many(windows), np.broadcast_to(centers, (len(windows), 4)))


@pytest.mark.parametrize("runtime", ["ai-edge-litert", "numpy"])
def test_int8_network_is_a_step_from_the_formula(load, runtime):
    detector, windows = load(int8_graph(), runtime), sliding_windows(ROWS, WINDOW)
    codes, scores = reference(windows)
    assert np.abs(detector.encode(windows) - codes).max() < 0.05
    np.testing.assert_allclose(detector.score_many(windows), scores, rtol=0.05, atol=0.05)


def test_both_runtimes_give_the_same_bytes_for_an_int8_network(load):
    windows = sliding_windows(ROWS, WINDOW)
    codes = [load(int8_graph(), runtime).encode(windows) for runtime in ("ai-edge-litert", "numpy")]
    np.testing.assert_array_equal(*codes)


def test_stream_single_and_batch_agree(load):
    detector, windows = load(int8_graph()), sliding_windows(ROWS, WINDOW)
    stream = detector.stream()
    streamed = [result.score for result in map(stream.update, ROWS) if result is not None]
    np.testing.assert_allclose(streamed, detector.score_many(windows), rtol=1e-5)
    np.testing.assert_allclose([detector.score(window) for window in windows], streamed, rtol=1e-5)
    assert max(stream.explain().values()) > 0


def test_no_windows_have_no_scores(load):
    detector = load(int8_graph())
    outputs = detector.outputs_many(np.empty((0, WINDOW, 4), np.float32), ("score", "codes"))
    assert {name: values.shape for name, values in outputs.items()} == {"score": (0,), "codes": (0, UNITS)}
    with pytest.raises(ModelFileError, match="has no output contributions"):
        detector.outputs_many(ROWS[None, :2], ("contributions",))


def test_values_far_outside_are_limited_not_wrapped(load):
    detector = load(int8_graph())
    assert detector.score(ROWS[:2] + 1e6) > detector.score(ROWS[:2])
    assert detector.score(ROWS[:2] - 1e6) > detector.score(ROWS[:2])


def test_every_runtime_scores_an_int8_network(load, tmp_path):
    load(int8_graph())
    for runtime in installed_runtimes():
        code = (
            "from edge_runtime import Detector\n"
            f"detector = Detector.load({str(tmp_path / 'network.tflite')!r}, runtime={runtime.name!r})\n"
            f"print(detector.score({ROWS[:2].tolist()!r}))"
        )
        process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        np.testing.assert_allclose(float(process.stdout), reference(ROWS[None, :2])[1][0], rtol=0.05)


def test_graph_that_does_not_fit_its_manifest_is_refused(load):
    with pytest.raises(ModelFileError, match="expected the output reconstruction"):
        load(float_graph(), outputs=(QuantizedTensor("reconstruction"),))
    with pytest.raises(ModelFileError, match="expected detector or network"):
        load(float_graph(), graph="something")
    with pytest.raises(ModelFileError, match="windows of shape"):
        load(float_graph(), graph="detector")


@pytest.mark.parametrize("runtime", [*installed_runtimes(), Runtime(NUMPY)], ids=lambda runtime: runtime.name)
def test_graph_that_mixes_windows_is_run_on_one_at_a_time(runtime):
    if runtime.name == "tflite-runtime" and "tensorflow" in sys.modules:
        pytest.skip("it cannot be loaded beside tensorflow")
    builder, kept = GraphBuilder(), schema.ReducerOptionsT()
    kept.keepDims = True
    x, axis = builder.tensor((1, 4), name="inputs"), builder.constant(np.array([1], np.int32))
    row = builder.op("SUM", [x, axis], builder.tensor((1,)), schema.ReducerOptionsT())
    column = builder.op("SUM", [x, axis], builder.tensor((1, 1)), kept)
    mixed = builder.op("ADD", [row, column], builder.tensor((1, 1), name="score"), schema.AddOptionsT())
    content = builder.build([x], [mixed])
    values = np.arange(1500 * 4, dtype=np.float32).reshape(-1, 4)
    scores = BatchedGraph(lambda: runtime.open(content)).run(values, ("score",))["score"]
    np.testing.assert_array_equal(scores, 2 * values.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("runtime", ["ai-edge-litert", "numpy"])
def test_graph_that_has_no_row_for_a_window_is_refused(load, runtime):
    builder = GraphBuilder()
    x, weights = builder.tensor((1, WINDOW * 4), name="inputs"), builder.constant(WEIGHTS)
    codes = builder.op("FULLY_CONNECTED", [x, weights, -1], builder.tensor((1, UNITS)), schema.FullyConnectedOptionsT())
    turned = builder.constant(np.array([UNITS, 1], np.int32))
    # Runtimes go by what the op takes, not by the shape that the file says.
    builder.op("RESHAPE", [codes, turned], builder.tensor((1, UNITS), name="codes"))
    content = builder.build([x], [len(builder.tensors) - 1])
    with pytest.raises(ModelFileError, match=r"the output codes has the shape \(6, 1\). Expected one row"):
        load((content, *float_graph()[1:]), runtime)
