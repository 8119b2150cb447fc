"""What is not worth what the full model is is not written; what is written can be verified where it stands."""

import os
from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.detector import Detector
from edge_runtime.errors import ModelFileError, ParityError
from edge_runtime.features import FEATURES
from edge_runtime.heads import Head
from edge_runtime.interpreter import find_runtime
from edge_runtime.manifest import ParityLimits
from edge_runtime.preprocessing import Preprocessing
from edge_runtime.run_folder import DenseLayer, Network
from edge_runtime.verification import verify
from export import flatbuffer
from export.audit import audit
from export.inference_graph import build_detector_graph
from export.labelled import Labelled
from export.pipeline import ExportSettings, export_run
from export.targets import TARGETS
from training.pipeline import save_run


def with_other_weights(run):
    """The run, its encoder not the one that its codes and scores are of."""
    first, *others = run.network.encoder
    wrong = replace(first, kernel=first.kernel * 1.5)
    return replace(run, network=replace(run.network, encoder=(wrong, *others)))


def test_graph_that_is_not_the_model_is_never_written(trained):
    with pytest.raises(ParityError, match="is not the full model: codes differ"):
        export_run(with_other_weights(trained.folder), ExportSettings(allow_parity_failure=True))


def test_file_beyond_the_limits_is_refused_unless_told_and_then_says_so(trained):
    strict = ParityLimits(codes_difference=1e-6)
    with pytest.raises(ParityError, match=r"codes differ by up to .* \(limit 1e-06\).*Nothing is written"):
        export_run(trained.folder, ExportSettings(limits=strict))
    model = export_run(trained.folder, ExportSettings(limits=strict, allow_parity_failure=True))
    assert "codes differ" in model.manifest.parity_failures[0]
    assert model.manifest.parity_limits == strict


def test_refused_export_leaves_no_file(trained, saelite, tmp_path):
    save_run(trained, tmp_path / "run")
    refused = saelite("export", "run", "-o", "pump.tflite", "--codes-difference", "1e-9")
    assert refused.returncode == 1
    assert "Nothing is written" in refused.stderr
    assert not list(tmp_path.glob("*.tflite"))


def test_graph_that_scores_windows_with_missing_values_is_refused(train_head, monkeypatch):
    run = train_head("t2")  # its score is of the codes alone, and a code of int8 is never NaN
    monkeypatch.setattr("export.inference_graph._nan_unless_finite", lambda _: np.float32(0))
    with pytest.raises(ModelFileError, match="missing value: expected NaN"):
        export_run(run, ExportSettings())


@pytest.mark.parametrize("target", ["cpu", "litert", "tflite-runtime"])
@pytest.mark.parametrize("scheme", ["int8", "int16x8", "dynamic", "float16", "float32"])
def test_every_scheme_keeps_the_limits_in_every_runtime(trained, target, scheme):
    if target == "tflite-runtime" and "tflite-runtime" not in _installed():
        pytest.skip("tflite-runtime is not installed")
    # The toy's held-out windows drift across its threshold, so a step more or less there is an alarm.
    model = export_run(trained.folder, ExportSettings(scheme, target, limits=ParityLimits(alarm_agreement=0.97)))
    assert not model.manifest.parity_failures
    assert model.manifest.quantization.scheme == scheme
    assert {check.runtime for check in model.manifest.runtimes} <= set(TARGETS[target].runtimes)


def _installed():
    from edge_runtime.interpreter import installed_runtimes

    return {runtime.name for runtime in installed_runtimes()}


def test_auc_is_measured_where_labels_exist(trained):
    normal = trained.folder.windows.held_out[:100]
    odd = normal.copy()
    odd[:, :, 2] += 5
    labelled = Labelled(np.concatenate([normal, odd]), np.repeat([False, True], 100))
    parity = export_run(trained.folder, ExportSettings(), labelled=labelled).manifest.parity
    assert parity.roc_auc_full > 0.9
    assert parity.roc_auc == pytest.approx(parity.roc_auc_full, abs=0.01)


def test_audit_finds_what_must_not_be_there(exported):
    content, target = exported.flatbuffer, TARGETS["cpu"]
    audit(content, target, "int8")
    with pytest.raises(ModelFileError, match="it holds CONCATENATION, which cpu does not run"):
        audit(content, replace(target, ops={name: 9 for name in target.ops if name != "CONCATENATION"}), "int8")
    with pytest.raises(ModelFileError, match=r"FULLY_CONNECTED version 1 \(cpu has 0\)"):
        audit(content, replace(target, ops={**target.ops, "FULLY_CONNECTED": 0}), "int8")
    with pytest.raises(ModelFileError, match="dimensions"):
        audit(content, replace(target, max_rank=1), "int8")


@pytest.mark.parametrize("feature", [name for name in FEATURES if name != "values"])
def test_audit_lets_every_feature_pass(feature):
    preprocessing = Preprocessing("standard", (0.0,) * 4, (1.0,) * 4, 8, features=(feature,), bands=2, rate_hz=10.0)
    n = preprocessing.inputs
    preprocessing = replace(preprocessing, feature_center=(0.0,) * n, feature_scale=(1.0,) * n)
    layer = DenseLayer(np.ones((n, 3), np.float32), np.ones(3, np.float32), "sigmoid")
    head = Head("t2", np.zeros(3, np.float32), np.ones(3, np.float32))
    graph = build_detector_graph(Network((layer,)), preprocessing, head)
    audit(flatbuffer.name_tensors(graph, graph), TARGETS["cpu"], "float32")


def test_audit_finds_weights_that_are_not_in_the_file(exported):
    model = flatbuffer.parse(exported.flatbuffer)
    (graph,) = model.subgraphs
    dense = next(op for op in graph.operators if len(op.inputs) == 3)
    model.buffers[graph.tensors[dense.inputs[1]].buffer].data = None
    with pytest.raises(ModelFileError, match="are not in the file"):
        audit(flatbuffer.serialize(model), TARGETS["cpu"], "int8")


def test_audit_finds_a_missing_signature(exported):
    model = flatbuffer.parse(exported.flatbuffer)
    model.signatureDefs = []
    with pytest.raises(ModelFileError, match="0 signatures"):
        audit(flatbuffer.serialize(model), TARGETS["cpu"], "int8")


def test_verify_repeats_parity_on_the_spot(exported, saelite, model_path):
    result = verify(exported, Detector(exported, find_runtime("litert")))
    assert not result.failures
    assert result.score_difference < 1e-6
    assert result.parity.n_windows == 32
    shown = saelite("verify", model_path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.endswith("good\n")


def test_verify_fails_where_scores_are_not_those_of_the_full_model(exported, tmp_path, saelite):
    wrong = {**exported.arrays, "reference_codes": 1 - exported.arrays["reference_codes"]}
    replace(exported, arrays=wrong).write(tmp_path / "wrong.tflite")
    shown = saelite("verify", "wrong.tflite")
    assert shown.returncode == 1
    assert "codes differ" in shown.stderr


def test_source_date_epoch_is_kept_and_bytes_repeat(trained, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    one, other = (export_run(trained.folder, ExportSettings()) for _ in range(2))
    assert one.manifest.provenance.source_date_epoch == "1700000000"
    assert one.to_bytes() == other.to_bytes()


def test_runtime_of_another_environment_runs_the_file_too(trained):
    python = os.environ.get("SAELITE_OTHER_PYTHON")
    if not python:
        pytest.skip("SAELITE_OTHER_PYTHON names no Python of another environment with a TFLite runtime")
    model = export_run(trained.folder, ExportSettings(runtime_pythons=(python,)))
    assert len(model.manifest.runtimes) > len(_installed())
