"""The exported file: only inference ops, the full model's codes, the same score in every runtime."""

import hashlib
import subprocess
import zipfile

import keras
import numpy as np
import pytest
from model_runs import run_model

from edge_runtime import Detector
from edge_runtime.fitting.limit import fit_limit
from edge_runtime.fitting.outliers import usual_windows
from edge_runtime.inference.runtimes import installed_runtimes
from edge_runtime.model_file.zip_tail import MANIFEST_NAME
from edge_runtime.signal.smoothing import Smoother
from export import flatbuffer
from export.export_run import ExportSettings, export_run
from export.fitting.choice import Candidate, score_left_out
from export.fitting.file_outputs import FileOutputs
from export.fitting.fit_heads import fit_head
from export.runtime_check import InstalledRuntime
from training.run_folder import read_run_folder

INFERENCE_OPS = {"SUB", "MUL", "ADD", "RESHAPE", "QUANTIZE", "DEQUANTIZE", "FULLY_CONNECTED", "LOGISTIC", "SQUARE",
                 "SUM", "CONCATENATION", "SLICE", "STRIDED_SLICE", "MINIMUM", "MAXIMUM", "DIV",
                 "REDUCE_MIN"}  # fmt: skip


@pytest.fixture(scope="module")
def float32(trained):
    return export_run(trained.folder, ExportSettings("float32"))


@pytest.fixture(scope="module")
def held_out(trained):
    return trained.folder.windows.windows[-200:]


def codes_in(model, windows):
    return in_first_runtime(model, windows).codes


def in_first_runtime(model, windows):
    return run_model(InstalledRuntime.here(installed_runtimes()[0]), model, windows)


@pytest.fixture(scope="module")
def keras_parts(trained):
    """What the pump's head is made of, for all normal windows, by Keras."""
    inputs = trained.folder.spec.preprocessing.transform(trained.folder.windows.windows)
    return {"inputs": inputs, "codes": np.asarray(trained.model.encoder(inputs))}


def test_float_codes_and_scores_are_those_of_keras(trained, float32, keras_parts):
    outputs = in_first_runtime(float32, trained.folder.windows.windows)
    np.testing.assert_allclose(outputs.codes, keras_parts["codes"], atol=1e-5)
    usual = usual_windows([keras_parts["inputs"]])
    reference = FileOutputs(keras_parts, (), usual)
    left_out, _ = score_left_out(reference, (), Candidate("t2x"), guard=2)
    limit = fit_limit(Smoother(5).update_many(left_out.astype(np.float32))[usual], None).value
    np.testing.assert_allclose(
        outputs.scores, fit_head("t2x", reference.to_fit_on).score(keras_parts) / limit, rtol=5e-3
    )


def test_graph_holds_inference_ops_only(exported):
    assert {op.name for op in flatbuffer.parse(exported.flatbuffer).ops} <= INFERENCE_OPS


def test_network_is_quantised_and_the_rest_is_float(exported):
    model = flatbuffer.parse(exported.flatbuffer)
    graph = model.subgraph
    kinds = {}
    for operator in graph.operators:
        name = model.op_name(operator)
        kinds.setdefault(name, []).append(graph.tensors[operator.outputs[0]].type)
    float32, int8 = 0, 9
    assert kinds["LOGISTIC"] == [int8]
    # Two layers; whitening, blame and expected values.
    assert sorted(kinds["FULLY_CONNECTED"], reverse=True) == [int8, int8, float32, float32, float32]
    assert set(kinds["MUL"]) == {float32}


def test_inputs_and_outputs_have_plain_names(exported):
    model = flatbuffer.parse(exported.flatbuffer)
    graph = model.subgraph
    assert [graph.tensors[index].name for index in graph.inputs] == [b"window"]
    assert {graph.tensors[index].name for index in graph.outputs} == {
        b"codes", b"score", b"contributions", b"expected",
    }  # fmt: skip


@pytest.mark.parametrize("runtime", installed_runtimes(), ids=lambda runtime: runtime.name)
def test_every_runtime_gives_the_same_score(exported, held_out, runtime):
    first = in_first_runtime(exported, held_out)
    here = run_model(InstalledRuntime.here(runtime), exported, held_out)
    # The runtimes' kernels may round a sigmoid's input to neighbouring steps of 16/255.
    np.testing.assert_allclose(here.codes, first.codes, atol=16 / 255 / 4 + 1 / 256)
    assert np.isclose(here.scores, first.scores, rtol=1e-3).mean() > 0.8
    assert np.corrcoef(here.scores, first.scores)[0, 1] > 0.99
    assert runtime.name in {check.runtime for check in exported.manifest.runtimes}


def test_threshold_is_one_and_normal_windows_stay_below_it_as_often_as_promised(exported, trained):
    threshold, scoring = exported.manifest.threshold, exported.manifest.spec.scoring
    smoothed = Smoother(scoring.smoothing_span, 1.0).update_many(
        in_first_runtime(exported, trained.folder.windows.windows).scores
    )
    assert threshold.value == 1.0
    assert np.mean(smoothed > 1.0) <= threshold.target_far_upper
    assert threshold.target_far <= threshold.target_far_upper
    # Windows far out in one part of the recording alone are not fitted on.
    assert 0.9 * len(smoothed) <= threshold.n_windows <= len(smoothed)
    assert 1 < threshold.n_effective < len(smoothed)


def test_int8_detects_as_float32_does(exported):
    parity = exported.manifest.parity
    assert parity.alarm_agreement >= 0.99
    assert parity.roc_auc == pytest.approx(parity.roc_auc_full, abs=0.005)
    assert not exported.manifest.parity_failures


def test_anomalies_far_out_are_not_clipped(exported, float32, trained):
    center, scale = (
        np.asarray(values)
        for values in (trained.folder.spec.preprocessing.center, trained.folder.spec.preprocessing.scale)
    )
    far = np.tile(center + 6 * scale * [1, 0, 0, 0], (1, 3, 1)).astype(np.float32)
    one, other = codes_in(exported, far), codes_in(float32, far)
    np.testing.assert_allclose(one, other, atol=0.1)


def test_file_is_a_flatbuffer_with_a_zip_that_unzip_lists(model_path):
    listing = subprocess.run(["unzip", "-l", model_path], capture_output=True, text=True, check=False)
    assert MANIFEST_NAME in listing.stdout
    assert model_path.read_bytes()[4:8] == b"TFL3"
    with zipfile.ZipFile(model_path) as archive:
        assert archive.namelist()[0] == MANIFEST_NAME
        assert archive.testzip() is None


def test_manifest_hash_is_that_of_the_flatbuffer(exported):
    assert exported.manifest.flatbuffer_sha256 == hashlib.sha256(exported.flatbuffer).hexdigest()


def test_same_run_gives_the_same_bytes(trained, exported):
    assert export_run(trained.folder, ExportSettings("int8")).to_bytes() == exported.to_bytes()


def test_run_folder_comes_back_as_it_was_written(trained, tmp_path):
    trained.save(tmp_path / "run")
    again = read_run_folder(tmp_path / "run")
    assert again.spec == trained.folder.spec
    assert again.is_series == trained.folder.is_series
    np.testing.assert_array_equal(again.windows.windows, trained.folder.windows.windows)
    np.testing.assert_array_equal(again.windows.codes, trained.folder.windows.codes)
    np.testing.assert_array_equal(again.network.encoder[0].kernel, trained.folder.network.encoder[0].kernel)


def test_full_model_in_the_run_folder_loads_without_custom_objects(trained, held_out, tmp_path):
    trained.save(tmp_path / "run")
    loaded = keras.saving.load_model(tmp_path / "run" / "model.keras")
    inputs = trained.folder.spec.preprocessing.transform(held_out)
    np.testing.assert_array_equal(loaded.predict(inputs, verbose=0), trained.model.predict(inputs, verbose=0))


def test_same_seed_gives_the_same_weights(trained, train_again):
    for one, other in zip(train_again().folder.network.encoder, trained.folder.network.encoder, strict=True):
        np.testing.assert_array_equal(one.kernel, other.kernel)


def test_detector_scores_as_the_runtime_does(exported, model_path, held_out):
    detector = Detector.load(model_path)
    outputs = run_model(InstalledRuntime.here(detector.runtime), exported, held_out)
    np.testing.assert_allclose(detector.score_many(held_out), outputs.scores, rtol=1e-4)
    np.testing.assert_allclose([detector.score(window) for window in held_out], outputs.scores, rtol=1e-6)
