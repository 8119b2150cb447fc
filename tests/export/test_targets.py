"""Files for a host that scales and scores itself: what the graph takes, gives, and is worth."""

import numpy as np
import pytest
from model_runs import run_model

from edge_runtime.errors import UsageError
from edge_runtime.inference.host_scoring import HostScoring
from edge_runtime.inference.runtimes import installed_runtimes
from edge_runtime.model_file.container import read_model_file
from export import flatbuffer
from export.export_run import ExportSettings, export_run
from export.runtime_check import InstalledRuntime
from export.targets import TARGETS

RUNTIMES = installed_runtimes()


@pytest.fixture(scope="module")
def edgetpu(trained):
    return export_run(trained.folder, ExportSettings(target="edgetpu"))


def test_edgetpu_graph_is_int8_from_end_to_end_with_a_batch_of_one(edgetpu):
    graph = flatbuffer.parse(edgetpu.flatbuffer).subgraph
    ends = [graph.tensors[index] for index in [*graph.inputs, *graph.outputs]]
    assert {tensor.type for tensor in ends} == {9}
    assert [tensor.name for tensor in ends] == [b"inputs", b"codes"]
    assert list(ends[0].shape) == [1, 12]
    assert all(len(tensor.shape) <= 3 for tensor in graph.tensors)
    assert {op.name for op in edgetpu.manifest.ops} <= set(TARGETS["edgetpu"].ops)


def test_manifest_says_how_the_host_fills_and_reads_the_graph(edgetpu, tmp_path):
    edgetpu.write(tmp_path / "tpu.tflite")
    again = read_model_file(tmp_path / "tpu.tflite")
    assert again.manifest == edgetpu.manifest
    assert again.manifest.graph == "network"
    assert again.manifest.quantization.input_scale > 0
    assert [(output.name, output.scale) for output in again.manifest.outputs] == [("codes", 1 / 256)]
    assert [check.runtime for check in again.manifest.runtimes] == [runtime.name for runtime in RUNTIMES]
    assert "no Edge TPU" in again.manifest.not_run[-1].reason


@pytest.mark.parametrize("target", ["edgetpu", "micro"])
def test_host_scores_are_those_of_the_whole_detector_graph(trained, exported, target):
    windows = trained.folder.windows.windows[-200:]
    model = export_run(trained.folder, ExportSettings(target=target))
    host = run_model(InstalledRuntime.here(RUNTIMES[0]), model, windows)
    whole = run_model(InstalledRuntime.here(RUNTIMES[0]), exported, windows)
    # Two int8 graphs of one network: their codes are at most a step of the sigmoid's input apart.
    np.testing.assert_allclose(host.codes, whole.codes, atol=16 / 255 / 4 + 1 / 256)
    assert np.corrcoef(host.scores, whole.scores)[0, 1] > 0.99


def test_host_rounds_and_limits_the_inputs(edgetpu):
    host = HostScoring.of(edgetpu)
    quantization, preprocessing = edgetpu.manifest.quantization, edgetpu.manifest.spec.preprocessing
    center = np.tile(np.float32(preprocessing.center), (1, 3, 1))
    assert set(host.inputs(center).ravel().tolist()) == {quantization.input_zero_point}
    at_limit = center + preprocessing.limit * np.float32(preprocessing.scale)
    assert host.inputs(center + 1e9).max() == host.inputs(at_limit).max()


def test_scheme_that_a_target_lacks_is_refused(trained):
    with pytest.raises(UsageError, match=r"expected one of int8\. Received: 'float16'"):
        export_run(trained.folder, ExportSettings("float16", "edgetpu"))
