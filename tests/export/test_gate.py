"""The ladder of schemes: a file is always written, in the narrowest that detects as float32 does, and says so."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from model_runs import run_model
from sklearn.metrics import roc_auc_score

from edge_runtime.errors import ModelFileError, ParityError
from edge_runtime.inference.detector import Detector
from edge_runtime.inference.heads import Head
from edge_runtime.inference.runtimes import find_runtime, installed_runtimes
from edge_runtime.model_file.manifest import ParityLimits
from edge_runtime.signal.features import FEATURES
from edge_runtime.signal.preprocessing import Preprocessing
from edge_runtime.verification.parity import shortfalls
from edge_runtime.verification.reference_run import verify
from export import flatbuffer
from export.audit import audit
from export.export_run import ExportSettings, export_run
from export.inference_graph import build_detector_graph
from export.labelled import Labelled
from export.runtime_check import InstalledRuntime
from export.targets import LADDER, TARGETS, find_target
from training.pipeline import train
from training.recordings import Recording
from training.run_folder import DenseLayer, Network
from training.settings import DetectorSettings

RUNTIMES = installed_runtimes()
NO_LIMITS = ParityLimits(alarm_agreement=0.0, auc_loss=1.0)


def with_other_weights(run):
    """The run, its encoder not the one that its codes are of."""
    first, *others = run.network.encoder
    wrong = replace(first, kernel=first.kernel * 1.5)
    return replace(run, network=replace(run.network, encoder=(wrong, *others)))


@pytest.fixture(scope="module")
def twins():
    """A run that int8 spoils: sensors differ by less than an int8 step, and four codes of one layer have to tell."""
    rng = np.random.default_rng(0)
    first = np.sin(np.arange(2000) / 40) + 0.1 * rng.normal(size=2000)
    near = 0.01 * rng.normal(size=(2, 2000))
    rows = np.stack([first, first + near[0], 0.5 * first**2 + near[1]], axis=1).astype(np.float32)
    settings = DetectorSettings(
        window=1, code_size=4, hidden=(), rho=0.01, alpha=1.0, head="t2", smoothing_span=1, mean_rate=0.0,
        scale_rate=0.0, epochs=20, seed=1,
    )  # fmt: skip
    return train(Recording("twins", ("a", "b", "c"), rows), settings).folder


@pytest.fixture(scope="module")
def climbed(twins):
    return export_run(twins, ExportSettings())


@pytest.fixture(scope="module")
def insisted(twins):
    return export_run(twins, ExportSettings("int8"))


def test_file_that_int8_spoils_is_written_in_a_wider_scheme_and_says_so(climbed):
    manifest = climbed.manifest
    scheme = manifest.quantization.scheme
    assert LADDER.index(scheme) > 0
    assert [line.partition(":")[0] for line in manifest.given_up] == list(LADDER[: LADDER.index(scheme)])
    assert "ROC-AUC on synthetic faults falls from" in manifest.given_up[0]
    assert not manifest.parity_failures
    assert shortfalls(manifest.parity, manifest.parity_limits) == ()


def test_explicit_scheme_is_written_and_says_what_it_gives_up(insisted, saelite, tmp_path):
    manifest = insisted.manifest
    assert manifest.quantization.scheme == "int8"
    assert manifest.given_up == ()
    assert all(one.name in manifest.parity_failures[0] for one in RUNTIMES)
    insisted.write(tmp_path / "twins.tflite")
    shown = saelite("inspect", "twins.tflite")
    assert all(failure in shown.stdout for failure in manifest.parity_failures), shown.stderr
    assert verify(insisted, Detector(insisted, find_runtime("litert"))).failures == ()


def test_what_a_spoilt_file_loses_is_measured_against_the_same_detector_in_float32(insisted):
    parity, full = insisted.manifest.parity, insisted.manifest.parity_float32
    assert parity.roc_auc < full.roc_auc - insisted.manifest.parity_limits.auc_loss
    assert (full.alarm_agreement, full.score_correlation, full.codes_max_difference) == (1.0, 1.0, 0.0)
    assert parity.roc_auc_full == full.roc_auc == full.roc_auc_full


def test_limits_that_nothing_keeps_still_write_the_widest_scheme(trained):
    impossible = ParityLimits(alarm_agreement=1.1)
    model = export_run(trained.folder, ExportSettings(target="micro", limits=impossible))
    assert model.manifest.quantization.scheme == "float32"
    assert [line.partition(":")[0] for line in model.manifest.given_up] == ["int8"]
    assert "alarms agree on 100.00% of the windows (limit 110.00%)" in model.manifest.parity_failures[0]
    assert model.manifest.parity_limits == impossible


def test_ladder_of_a_target_holds_only_what_it_can_run():
    assert {name: find_target(name, None)[1] for name in TARGETS} == {
        **dict.fromkeys(("cpu", "litert", "tflite-runtime"), LADDER),
        "edgetpu": ("int8",),
        **dict.fromkeys(("c", "micro"), ("int8", "float32")),
    }


@pytest.mark.parametrize(
    ("target", "scheme"),
    [*(("cpu", scheme) for scheme in TARGETS["cpu"].schemes),
     *((target, scheme) for target in ("litert", "tflite-runtime") for scheme in ("int8", "dynamic"))],
)  # fmt: skip
def test_every_scheme_that_is_asked_for_is_written_and_run(trained, target, scheme):
    if not any(runtime.name in TARGETS[target].runtimes for runtime in RUNTIMES):
        pytest.skip(f"no runtime of {target} is installed")
    # The toy's windows wander about its threshold, so a step more or less there is an alarm.
    model = export_run(trained.folder, ExportSettings(scheme, target, limits=ParityLimits(alarm_agreement=0.97)))
    assert model.manifest.parity_failures == ()
    assert model.manifest.quantization.scheme == scheme
    assert {check.runtime for check in model.manifest.runtimes} == (
        {runtime.name for runtime in RUNTIMES} & set(TARGETS[target].runtimes)
    )


def test_graph_that_is_not_the_model_is_never_written(trained):
    with pytest.raises(ParityError, match="rebuilt float32 graph does not match the full model: codes differ by"):
        export_run(with_other_weights(trained.folder), ExportSettings(limits=NO_LIMITS))


def test_refused_export_leaves_no_file(trained, saelite, tmp_path):
    trained.save(tmp_path / "run")
    with np.load(tmp_path / "run" / "windows.npz") as arrays:
        np.savez(tmp_path / "run" / "windows.npz", windows=arrays["windows"], codes=1 - arrays["codes"])
    refused = saelite("export", "run", "-o", "pump.tflite")
    assert refused.returncode == 1
    assert "Nothing is written" in refused.stderr
    assert not list(tmp_path.glob("*.tflite"))


def test_graph_that_scores_windows_with_missing_values_is_refused(train_head, monkeypatch):
    run = train_head("t2")  # its score is of the codes alone, and a code of int8 is never NaN
    monkeypatch.setattr(
        "export.inference_graph.nan_unless_finite", lambda window: window.graph.constant(np.zeros(1, np.float32))
    )
    with pytest.raises(ModelFileError, match="missing value: expected NaN"):
        export_run(run, ExportSettings("int8"))


def test_auc_is_measured_where_labels_exist(trained):
    normal = trained.folder.windows.windows[-100:]
    odd = normal.copy()
    odd[:, :, 2] += 5
    windows, labels = np.concatenate([normal, odd]), np.repeat([False, True], 100)
    model = export_run(trained.folder, ExportSettings("int8"), labelled=Labelled(windows, labels))
    scores = run_model(InstalledRuntime.here(RUNTIMES[0]), model, windows).scores
    assert model.manifest.parity.labelled_roc_auc == pytest.approx(roc_auc_score(labels, scores))
    assert model.manifest.parity.labelled_roc_auc_full == pytest.approx(roc_auc_score(labels, scores), abs=0.01)


def test_labelled_windows_that_a_scheme_ranks_worse_are_a_shortfall(exported):
    parity = exported.manifest.parity._replace(labelled_roc_auc_full=0.95, labelled_roc_auc=0.93)
    assert "ROC-AUC on the labelled windows falls from 0.9500 to 0.9300" in shortfalls(parity, NO_LIMITS._replace(
        auc_loss=0.005))[0]  # fmt: skip
    assert shortfalls(parity, NO_LIMITS) == ()


def test_audit_finds_what_must_not_be_there(exported):
    content, target = flatbuffer.parse(exported.flatbuffer), TARGETS["cpu"]
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
    graph = build_detector_graph(Network((layer,)), preprocessing, head, None)
    audit(flatbuffer.parse(graph), TARGETS["cpu"], "float32")


def test_audit_finds_weights_that_are_not_in_the_file(exported):
    model = flatbuffer.parse(exported.flatbuffer).tree
    (graph,) = model.subgraphs
    dense = next(op for op in graph.operators if len(op.inputs) == 3)
    model.buffers[graph.tensors[dense.inputs[1]].buffer].data = None
    with pytest.raises(ModelFileError, match="are not in the file"):
        audit(flatbuffer.parse(flatbuffer.serialize(model)), TARGETS["cpu"], "int8")


def test_audit_finds_a_missing_signature(exported):
    model = flatbuffer.parse(exported.flatbuffer).tree
    model.signatureDefs = []
    with pytest.raises(ModelFileError, match="0 signatures"):
        audit(flatbuffer.parse(flatbuffer.serialize(model)), TARGETS["cpu"], "int8")


def test_verify_repeats_what_export_saw_on_normal_and_faulty_windows(exported):
    result = verify(exported, Detector(exported, find_runtime("litert")))
    assert not result.failures
    assert result.parity.score_max_difference < 1e-5
    assert result.parity.n_windows == 32
    assert exported.arrays["reference_faulty"].sum() == 16
    faulty = exported.arrays["reference_faulty"] > 0
    area = roc_auc_score(faulty, exported.arrays["reference_scores"])
    assert result.parity.roc_auc_full == pytest.approx(area)


@pytest.mark.parametrize("runtime", [*(runtime.name for runtime in RUNTIMES), "numpy"])
def test_verify_passes_in_every_runtime_where_the_file_works(saelite, model_path, runtime):
    shown = saelite("verify", model_path, "--runtime", runtime)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.endswith("good\n")


def test_verify_fails_where_other_windows_alarm(exported, tmp_path, saelite):
    scores, faulty = exported.arrays["reference_scores"], exported.arrays["reference_faulty"]
    wrong = {**exported.arrays, "reference_scores": np.where(scores > 1, 0.1, scores + 2 * faulty).astype(np.float32)}
    replace(exported, arrays=wrong).write(tmp_path / "wrong.tflite")
    shown = saelite("verify", "wrong.tflite")
    assert shown.returncode == 1
    assert "does not detect here as it did at export" in shown.stderr
    assert "alarms agree on" in shown.stderr


def test_source_date_epoch_is_kept_and_bytes_repeat(trained, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    one, other = (export_run(trained.folder, ExportSettings("int8")) for _ in range(2))
    assert one.manifest.provenance.source_date_epoch == "1700000000"
    assert one.to_bytes() == other.to_bytes()


def test_runtime_of_another_environment_runs_the_file_too(trained):
    python = os.environ.get("SAELITE_OTHER_PYTHON")
    if not python:
        pytest.skip("SAELITE_OTHER_PYTHON names no Python of another environment with a TFLite runtime")
    model = export_run(trained.folder, ExportSettings("int8", runtime_pythons=(python,)))
    assert len(model.manifest.runtimes) > len(RUNTIMES)


def test_inspect_shows_the_schemes_that_were_passed_over(climbed, saelite, tmp_path):
    climbed.write(tmp_path / "twins.tflite")
    assert "not taken" in saelite("inspect", "twins.tflite").stdout
    data = json.loads(saelite("inspect", "twins.tflite", "--json").stdout)
    assert data["given_up"] == list(climbed.manifest.given_up)
