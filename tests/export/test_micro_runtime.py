"""TensorFlow Lite Micro runs the files of target micro before they are written."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from machines import pump_rows

from edge_runtime.errors import ModelFileError
from edge_runtime.inference.host_scoring import HostScoring
from edge_runtime.model_file.checking.whole_file import check_model
from edge_runtime.model_file.container import read_model_file
from export import micro_run
from export.export_run import ExportSettings, export_run
from export.flatbuffer import parse, serialize
from export.installed import installed_micro, runtimes_for
from export.micro_run import run_micro
from export.runtime_check import run_in
from export.source import read_source
from export.targets import MICRO, TARGETS

needs_micro = pytest.mark.skipif(installed_micro() is None, reason="tflite-micro is not installed")


@pytest.fixture(scope="module")
def network(trained):
    return export_run(trained.folder, ExportSettings(target="micro"))


def inputs_of(model, n=300):
    rng = np.random.default_rng(0)
    return rng.integers(-128, 128, (n, model.manifest.spec.preprocessing.inputs), np.int8)


@needs_micro
def test_manifest_says_that_it_was_run_and_in_which_arena(network, saelite, tmp_path):
    network.write(tmp_path / "pump.tflite")
    (check,) = [one for one in read_model_file(tmp_path / "pump.tflite").manifest.runtimes if one.runtime == MICRO]
    assert check.arena_bytes % 16 == 0
    assert 1000 < check.arena_bytes < 4000
    assert check.max_relative_score_difference < 0.5
    assert MICRO not in {one.name for one in network.manifest.not_run}
    line = f"run in           {MICRO} {check.version} ({check.machine}), in an arena of {check.arena_bytes:,} bytes"
    assert line.split() in [shown.split() for shown in saelite("inspect", "pump.tflite").stdout.splitlines()]


@needs_micro
def test_arena_is_the_smallest_that_the_network_runs_in(network, tmp_path):
    (check,) = [one for one in network.manifest.runtimes if one.runtime == MICRO]
    (tmp_path / "graph.tflite").write_bytes(network.flatbuffer)
    code = (
        "import sys; from tflite_micro import runtime;"
        "runtime.Interpreter.from_file('graph.tflite', arena_size=int(sys.argv[1])).invoke()"
    )
    for arena_bytes, fits in ((check.arena_bytes, True), (check.arena_bytes - 16, False), (16, False)):
        process = subprocess.run(
            [sys.executable, "-c", code, str(arena_bytes)], cwd=tmp_path, capture_output=True, check=False
        )
        assert (process.returncode == 0) == fits, (arena_bytes, process.stderr)


@needs_micro
@pytest.mark.parametrize("head", ["residual", "deep"])
def test_integer_networks_give_the_values_of_the_numpy_executor(train_head, head):
    model = export_run(train_head(head), ExportSettings("int8", "micro"))
    run_micro(installed_micro(), model.flatbuffer, inputs_of(model))  # raises if one value differs


@needs_micro
def test_networks_with_float_ops_amid_integers_are_run_too(tmp_path):
    layers = [keras.layers.Dense(units, "swish") for units in (8, 3, 8)]
    keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(4)]).save(tmp_path / "swish.keras")
    rows = pump_rows(500)
    np.save(tmp_path / "normal.npy", (rows - rows.mean(axis=0)) / rows.std(axis=0))
    run = read_source(tmp_path / "swish.keras", tmp_path / "normal.npy", None)
    model = export_run(run, ExportSettings("int8", "micro"))
    assert {"DEQUANTIZE", "LOGISTIC", "MUL"} <= {op.name for op in model.manifest.ops}
    assert model.manifest.runtimes[-1].runtime == MICRO


@needs_micro
def test_float_networks_are_run_too(trained):
    model = export_run(trained.folder, ExportSettings("float32", "micro"))
    (check,) = [one for one in model.manifest.runtimes if one.runtime == MICRO]
    assert check.max_relative_score_difference < 1e-3
    assert check.arena_bytes > 0


@needs_micro
def test_values_that_the_graph_does_not_stand_for_are_refused(network, monkeypatch):
    other = parse(network.flatbuffer).tree
    hidden = other.subgraphs[0].tensors[other.subgraphs[0].operators[0].outputs[0]]
    hidden.quantization.scale = hidden.quantization.scale * np.float32(1.01)
    changed = parse(serialize(other))
    monkeypatch.setattr(micro_run, "parse", lambda _: changed)
    with pytest.raises(ModelFileError, match=r"computes other values .* of codes differ, by up to \d"):
        run_micro(installed_micro(), network.flatbuffer, inputs_of(network))


@needs_micro
def test_graph_that_it_cannot_run_is_refused_in_its_own_words(network):
    tree = parse(network.flatbuffer).tree
    code = tree.operatorCodes[-1]
    code.builtinCode = code.deprecatedBuiltinCode = 25  # SOFTMAX needs options that LOGISTIC has not
    with pytest.raises(ModelFileError, match=f"{MICRO} .* cannot run the exported graph: "):
        run_micro(installed_micro(), serialize(tree), inputs_of(network))


def test_without_it_the_manifest_says_so_and_how_to_get_it(trained, monkeypatch):
    monkeypatch.setattr("export.installed.installed_micro", lambda: None)
    model = export_run(trained.folder, ExportSettings(target="micro"))
    (missing,) = [one.reason for one in model.manifest.not_run if one.name == MICRO]
    assert missing.startswith("not installed; pip install tflite-micro")
    assert {one.arena_bytes for one in model.manifest.runtimes} == {0}


@needs_micro
def test_it_runs_files_of_no_other_target_and_fits_none():
    assert MICRO not in {one.name for target in ("cpu", "edgetpu") for one in runtimes_for(TARGETS[target])}
    *others, last = runtimes_for(TARGETS["micro"])
    assert last.name == MICRO
    assert others


@needs_micro
def test_scores_are_those_of_the_other_runtimes_but_for_rounding(network, trained):
    windows = trained.folder.windows.windows[-200:]
    host = HostScoring.of(network)
    first, *_, micro = (run_in(one, network.flatbuffer, host, windows) for one in runtimes_for(TARGETS["micro"]))
    assert np.corrcoef(first.scores, micro.scores)[0, 1] > 0.999


@needs_micro
def test_runtime_of_another_python_is_found():
    found = [one.name == MICRO for one in runtimes_for(TARGETS["micro"], [Path(sys.executable)])]
    assert found.count(True) == 2
    assert found == sorted(found)


def test_arena_of_a_manifest_is_checked(network):
    checks = tuple(one._replace(arena_bytes=-16) for one in network.manifest.runtimes)
    with pytest.raises(ModelFileError, match=r"runtimes\[0\].arena_bytes"):
        check_model(network.flatbuffer, replace(network.manifest, runtimes=checks), network.arrays)
