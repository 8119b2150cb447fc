"""The C library, compiled for this machine: clean, and in agreement with the Python host."""

import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from c_host import FLAGS, has_fma
from emulated_boards import Firmware
from hypothesis import example, given
from hypothesis import strategies as st
from machines import pump_rows
from python_host import check_results, python_results

from edge_runtime.errors import ModelFileError, UsageError
from edge_runtime.model_file.manifest import Sensor
from edge_runtime.streaming.alarm_settings import AlarmSettings
from export.c_library.c_text import comment, identifiers, markdown, string
from export.c_library.library import ROUNDINGS, c_library, write_c_library
from export.export_run import ExportSettings, export_run
from export.source import read_source
from saelite.exporting import export

C99, CPP = ("gcc", "-std=c99", "-O2"), ("g++", "-std=c++11", "-O2", "-x", "c++")
COMPILERS = [C99, ("clang", "-std=c99", "-O2"), CPP, ("clang++", "-std=c++11", "-O2", "-x", "c++")]
# Compilers that may fuse a product and a sum, on a processor that can.
FUSING = [
    (*compiler, "-O3", "-mfma", *options)
    for compiler, options in ((("gcc", "-std=gnu99"), ("-ffp-contract=fast",)), (("clang", "-std=gnu99"), ()))
    if shutil.which(compiler[0]) and has_fma()
]
SANITIZED = ("gcc", "-std=c99", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
INCLUDES = '#include <stdio.h>\n#include "pump_detector.h"\n'
HOSTILE = '*/ system("x"); /* \\'


def exported(run, scheme="int8"):
    return export_run(run, ExportSettings(scheme, "c"))


@pytest.fixture(scope="module")
def joint(train_head):
    return exported(train_head("joint"))


@pytest.fixture(scope="module")
def rows():
    rows = pump_rows(500, seed=9)
    rows[200:230, 1] += 20_000
    rows[300:315] *= 1.5
    return rows


def selftest(folder, compiler=C99):
    """Compile all of a library and run its self-test."""
    sources = sorted(folder.glob("*.c"))
    subprocess.run([*compiler, *FLAGS, *sources, "-lm", "-o", "selftest"], cwd=folder, check=True)
    return subprocess.run([folder / "selftest"], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("compiler", COMPILERS, ids=lambda one: one[0])
def test_every_compiler_takes_it_without_a_warning_and_the_selftest_passes(joint, tmp_path, compiler):
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"{compiler[0]} is not installed")
    write_c_library(joint, tmp_path / "pump.tflite")
    done = selftest(tmp_path / "pump", compiler)
    assert done.stdout.startswith("PASS: 0 of ")
    assert done.returncode == 0


@needs_gcc
def test_selftest_finds_a_wrong_weight(joint, tmp_path):
    write_c_library(joint, tmp_path / "pump.tflite")
    net = tmp_path / "pump" / "pump_net.c"
    weights = re.compile(r"(weights_1\[.*\] = \{\n\s*)-?\d+")
    net.write_text(weights.sub(r"\g<1>-128", net.read_text()))
    done = selftest(tmp_path / "pump")
    assert done.stdout.startswith("FAIL: ")
    assert done.returncode == 1


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
def test_cmake_builds_and_tests_it(joint, tmp_path):
    write_c_library(joint, tmp_path / "pump.tflite")
    for command in (
        ["cmake", "-S", "pump", "-B", "build"],
        ["cmake", "--build", "build"],
        ["ctest", "--test-dir", "build"],
    ):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


@needs_gcc
@pytest.mark.parametrize("head", ["inputs", "codebook", "deep", "t2", "t2x", "residual"])
def test_other_heads_than_the_boards_say_what_the_python_host_says(train_head, rows, tmp_path, head):
    model = exported(train_head(head))
    for rounding in ROUNDINGS:
        said, expected = (
            Firmware(model, tmp_path, rounding).replay_here(C99, rows),
            python_results(model, rows, rounding),
        )
        check_results(said, expected)


@needs_gcc
@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_sums_over_the_window_are_those_of_the_python_host_to_the_bit(train_again, rows, tmp_path, scheme):
    features = ("values", "mean", "std", "min", "max", "slope")
    model = exported(train_again("joint", window=16, stride=4, features=features).folder, scheme)
    expected, firmware = python_results(model, rows), Firmware(model, tmp_path)
    for compiler in (C99, *FUSING):
        said = firmware.replay_here(compiler, rows)
        check_results(said, expected)
        np.testing.assert_array_equal(said["inputs"], expected.inputs)


@needs_gcc
@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_spectra_are_at_most_a_step_from_those_of_the_python_host(train_again, rows, tmp_path, scheme):
    run = train_again("joint", window=16, stride=4, features=("values", "spectrum"), bands=3).folder
    model = exported(run, scheme)
    said, expected = Firmware(model, tmp_path).replay_here(C99, rows), python_results(model, rows)
    # A matrix product in another order and another logarithm: some inputs lie on the edge between two steps.
    check_results(said, expected, 1 if scheme == "int8" else 1e-4)


@needs_gcc
@pytest.mark.parametrize(("scale_rate", "drifted"), [(0.0, 0.0), (0.02, 0.0), (0.0, 5.0)])
def test_it_follows_mean_and_scale(train_again, rows, tmp_path, scale_rate, drifted):
    run = train_again("inputs", mean_rate=0.02, scale_rate=scale_rate).folder
    model = exported(run, "float32")
    # As far as the alarm that there is from the first window on.
    rows = (rows + drifted * run.spec.preprocessing.scale[1] * (np.arange(rows.shape[1]) == 1)).astype(np.float32)
    said, expected = Firmware(model, tmp_path).replay_here(C99, rows), python_results(model, rows)
    check_results(said, expected, 1e-5)
    assert expected.is_anomaly[:10].all() == bool(drifted)
    assert not expected.is_anomaly[-100:].any()


@needs_gcc
@pytest.mark.parametrize("compiler", COMPILERS, ids=lambda one: one[0])
def test_it_follows_relative_to_the_mode_that_the_machine_is_in(train_again, rows, tmp_path, compiler):
    run = train_again("inputs", mean_rate=0.02, scale_rate=0.0).folder
    preprocessing = run.spec.preprocessing
    modes = np.array(preprocessing.center) + np.array([[-4], [0], [5]]) * preprocessing.scale
    model = exported(run, "float32")
    spec = model.manifest.spec._replace(modes=tuple(map(tuple, modes.astype(np.float32).tolist())))
    model = replace(model, manifest=replace(model.manifest, spec=spec))
    rows = (rows + (modes - preprocessing.center)[np.arange(500) // 40 % 3]).astype(np.float32)
    check_results(Firmware(model, tmp_path).replay_here(compiler, rows), python_results(model, rows), 1e-5)


@needs_gcc
@pytest.mark.parametrize("condition", ["current > 1.4", "flow <= 38.5 and current != 0 and pressure >= 1e5"])
def test_it_leaves_out_readings_while_the_machine_is_off(train_head, rows, tmp_path, condition):
    run = train_head("spe")
    model = exported(replace(run, spec=run.spec._replace(only_when=condition)))
    expected = python_results(model, rows)
    check_results(Firmware(model, tmp_path).replay_here(C99, rows), expected)
    assert len(expected.score) < len(rows) - 10


@needs_gcc
def test_missing_values_are_held_and_then_left_out(joint, rows, tmp_path):
    rows = rows.copy()
    rows[0, 1] = rows[50:56, 0] = rows[100:125, 2] = np.nan
    rows[110:140, 3], rows[150:170:2, 0], rows[151:170:2, 1] = np.inf, -np.inf, np.nan
    expected = python_results(joint, rows)
    check_results(Firmware(joint, tmp_path).replay_here(C99, rows), expected)
    assert len(expected.score) < len(rows) - 20


@needs_gcc
@pytest.mark.parametrize(("debounce", "exit_ratio", "min_duration", "cool_down"), [
    ((1, 1), 0.8, 0, 0), ((2, 3), 0.5, 0, 0), ((5, 32), 1.0, 0, 7), ((1, 1), 0.01, 12, 40), ((3, 4), 0.8, 200, 5),
])  # fmt: skip
def test_alarms_are_those_of_the_monitor(joint, rows, tmp_path, debounce, exit_ratio, min_duration, cool_down):
    rows = rows.copy()
    rows[60:64] *= 1.2
    settings = AlarmSettings(exit_ratio, debounce, min_duration, cool_down)
    defines = (f"EXIT_RATIO={exit_ratio}", f"DEBOUNCE_NEEDED={debounce[0]}", f"DEBOUNCE_OUT_OF={debounce[1]}",
               f"MIN_DURATION={min_duration}u", f"COOL_DOWN={cool_down}u")  # fmt: skip
    said = Firmware(joint, tmp_path).replay_here(C99, rows, defines)
    expected = python_results(joint, rows, alarm=settings)
    check_results(said, expected)
    assert 0 < expected.alarm.sum() < len(expected.alarm)


@needs_gcc
def test_an_odd_number_of_variables_is_no_more_than_there_is_memory_for(train_again, rows, tmp_path):
    """Columns go in twos."""
    run = train_again("codebook", code_size=11).folder
    for head in ("codebook", "t2x"):
        model = exported(replace(run, spec=run.spec._replace(scoring=run.spec.scoring._replace(head=head))))
        said = Firmware(model, tmp_path / head).replay_here(SANITIZED, rows)
        check_results(said, python_results(model, rows))


@needs_gcc
@pytest.mark.parametrize("head", ["joint", "modes"])
def test_no_reading_leads_to_undefined_behaviour(train_head, rows, tmp_path, head):
    rows, odd = rows.copy(), np.random.default_rng(5)
    for value in (np.nan, np.inf, 3e38, -3e38, 1e-42):
        rows[odd.integers(500, size=20), odd.integers(4, size=20)] = value
    said = Firmware(exported(train_head(head)), tmp_path).replay_here(SANITIZED, rows)
    assert len(said) > 400
    assert not np.isnan(said["score"]).any()


@needs_gcc
@pytest.mark.parametrize(("activation", "scheme"), [
    *((name, scheme) for name in ("relu", "relu6", "tanh") for scheme in ("int8", "float32")), ("elu", "float32"),
])  # fmt: skip
def test_activations_are_those_of_the_runtime(train_again, tmp_path, activation, scheme):
    model = exported(train_again("t2x", code_activation=activation, penalty="l1").folder, scheme)
    write_c_library(model, tmp_path / "pump.tflite")
    assert selftest(tmp_path / "pump").stdout.startswith("PASS")


@pytest.mark.parametrize(("activation", "scheme", "reason"), [
    ("elu", "int8", "does not fit target c: it holds DEQUANTIZE"),
    ("selu", "int8", "does not fit target c: it holds DEQUANTIZE"),
    ("selu", "float32", "the network has no form in C: expected dense layers with activations"),
    ("softplus", "int8", "does not fit target c: it holds DEQUANTIZE"),
    ("softplus", "float32", "the network has no form in C: expected dense layers with activations"),
])  # fmt: skip
def test_other_activations_are_refused_with_the_reason(train_again, activation, scheme, reason):
    run = train_again("t2x", code_activation=activation, penalty="l1", epochs=2).folder
    with pytest.raises((ModelFileError, UsageError), match=reason):
        c_library(exported(run, scheme), "pump")


def test_a_keras_model_with_swish_is_refused_with_the_reason(tmp_path):
    rows = pump_rows(600)
    scaling = keras.layers.Normalization(mean=rows.mean(axis=0), variance=rows.var(axis=0))
    layers = [keras.layers.Dense(units, activation=one) for units, one in ((8, "swish"), (3, "sigmoid"), (4, None))]
    keras.Sequential([keras.Input((4,)), scaling, *layers]).save(tmp_path / "model.keras")
    np.save(tmp_path / "rows.npy", rows)
    model = exported(read_source(tmp_path / "model.keras", tmp_path / "rows.npy"), "float32")
    with pytest.raises(UsageError, match=r"no form in C: .* Received: MUL on float32"):
        c_library(model, "pump")


@needs_gcc
def test_sensor_names_are_harmless(joint, tmp_path):
    names = (HOSTILE, "??/", "@n@ {flow}", "°C \u202e\n#include <x>")
    spec = joint.manifest.spec._replace(sensors=tuple(Sensor(name, name) for name in names))
    model = replace(joint, manifest=replace(joint.manifest, name=HOSTILE, spec=spec))
    write_c_library(model, tmp_path / "pump.tflite")
    printer = "".join(f'printf("%s%c", pump_sensor_name({number}), 0);' for number in range(4))
    main = f"{INCLUDES}int main(void) {{ {printer} return 0; }}\n"
    folder = tmp_path / "pump"
    assert selftest(folder).returncode == 0
    (folder / "pump_selftest.c").write_text(main)
    assert tuple(selftest(folder).stdout.split("\0")[:4]) == names


@given(st.text(max_size=40))
@example(HOSTILE)
@example("??/")
def test_text_cannot_leave_its_place(text):
    assert not set(comment(text)) & set('*\\?"\n\r@')
    assert re.fullmatch(r'"([^"\\?\n]|\\[0-7]{3})*"', string(text))
    assert string(text).isascii()
    assert not set(markdown(text)) & set("<>[]`|*\n")


@given(st.lists(st.text(max_size=12), max_size=6))
def test_identifiers_are_different_and_plain(names):
    found = identifiers(names)
    assert len({name.upper() for name in found}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) for name in found)


@needs_gcc
@pytest.mark.skipif(importlib.util.find_spec("tflite_micro") is None, reason="tflite-micro is not installed")
def test_twice_rounded_codes_are_those_of_tensorflow_lite_micro(joint, rows, tmp_path):
    worker = Path(__file__).parents[1] / "support" / "micro_worker.py"
    differences = {}
    for rounding in ROUNDINGS:
        said = Firmware(joint, tmp_path, rounding).replay_here(C99, rows)
        (tmp_path / "graph.tflite").write_bytes(joint.flatbuffer)
        np.save(tmp_path / "inputs.npy", said["inputs"])
        names = ("graph.tflite", "inputs.npy", "outputs.npy")
        subprocess.run([sys.executable, worker, *names], cwd=tmp_path, check=True)
        differences[rounding] = int((np.load(tmp_path / "outputs.npy") != said["codes"]).sum())
    assert differences["tflm"] == 0 < differences["litert"]


@needs_gcc
def test_the_header_says_how_much_memory_it_takes(train_again, joint, tmp_path):
    follows = exported(train_again("modes", mean_rate=0.02).folder)
    for number, model in enumerate((joint, follows)):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_c_library(model, folder / "pump.tflite")
        said = int(re.search(r"(\d+) bytes", (folder / "pump" / "pump_detector.h").read_text())[1])
        main = 'int main(void) { printf("%d", (int)sizeof(pump_detector)); }'
        (folder / "pump" / "pump_selftest.c").write_text(INCLUDES + main)
        assert abs(int(selftest(folder / "pump").stdout) - said) <= 8


def test_an_unknown_rounding_is_refused(joint):
    with pytest.raises(UsageError, match="unknown rounding: expected one of litert, tflm"):
        c_library(joint, "pump", "up")


@pytest.mark.parametrize(("name", "factor"), [("head_gain", np.float32(1.1)), ("head_factor", np.int16(7))])
def test_a_head_of_an_earlier_version_is_refused(joint, name, factor):
    with pytest.raises(UsageError, match="expected gains that are powers of two, and sums that fit in 32 bits"):
        c_library(replace(joint, arrays={**joint.arrays, name: joint.arrays[name] * factor}), "pump")


def test_a_graph_that_is_no_chain_of_dense_layers_is_refused(trained):
    whole = export_run(trained.folder, ExportSettings("int8", "cpu"))
    with pytest.raises(UsageError, match="the network has no form in C: expected dense layers"):
        c_library(whole, "pump")


def test_the_command_writes_the_library_beside_the_file(trained, saelite, tmp_path):
    (tmp_path / "run").mkdir()
    trained.folder.write(tmp_path / "run")
    done = saelite("export", "run", "--target", "c", "--rounding", "tflm", "-o", "pump.tflite")
    assert done.returncode == 0, done.stderr
    endings = ("net.c", "net.h", "detector.c", "detector.h", "selftest.c")
    written = {"CMakeLists.txt", "README.md", "examples", *(f"pump_{ending}" for ending in endings)}
    assert {path.name for path in (tmp_path / "pump").iterdir()} == written
    assert "integers round as TensorFlow Lite Micro does" in (tmp_path / "pump" / "pump_net.h").read_text()


def test_a_rounding_is_for_the_target_c(trained, tmp_path):
    with pytest.raises(UsageError, match=r"a rounding is for target c: .* Received: tflm for cpu"):
        export(trained, tmp_path / "pump.tflite", rounding="tflm")
