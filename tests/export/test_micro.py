"""C sources for a microcontroller: compiled with gcc, they say what the Python host says."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from machines import SENSORS, pump_rows

from edge_runtime.inference.host_scoring import HostScoring
from edge_runtime.inference.runtimes import installed_runtimes
from edge_runtime.signal.only_when import Condition
from edge_runtime.signal.smoothing import Smoother
from edge_runtime.signal.windows import sliding_windows
from export.export_run import ExportSettings, export_run
from export.micro import c_sources, output_widths, write_c_sources
from export.runtime_check import InstalledRuntime, run_graph

# Windows and the graph's outputs in, inputs and smoothed scores out; all as binary float32 or int8.
HARNESS = """
#include <stdio.h>
#include "pump_detector.h"
typedef {type} value;
int main(void) {{
  float window[PUMP_WINDOW * PUMP_SENSORS], level = 0;
  value inputs[PUMP_INPUTS]{declarations};
  for (int n = 0; fread(window, sizeof window, 1, stdin) == 1; ++n) {{
    {reads}
    pump_inputs(window, inputs);
    const float score = pump_score(window{arguments});
    level = n ? pump_smooth(level, score) : score;
    const int is_on = pump_is_on(window + (PUMP_WINDOW - 1) * PUMP_SENSORS);
    const float results[4] = {{score, level, (float)pump_is_anomaly(level), (float)is_on}};
    fwrite(inputs, sizeof inputs, 1, stdout);
    fwrite(results, sizeof results, 1, stdout);
  }}
  return 0;
}}
"""


@pytest.fixture(scope="module")
def windows():
    return np.ascontiguousarray(sliding_windows(faulty_rows(), 3))


def faulty_rows():
    """Return a pump's rows with two faults in them."""
    rows = pump_rows(600, seed=9)
    rows[300:340, 1] += 20_000
    rows[400:420] *= 1.5
    return rows


def compiled(model, outputs, folder):
    write_c_sources(model, folder / "pump.tflite")
    names = [output.name for output in model.manifest.outputs]
    text = HARNESS.format(
        type="int8_t" if outputs[names[0]].dtype == np.int8 else "float",
        declarations="".join(f", {name}[{outputs[name][0].size}]" for name in names),
        reads="\n    ".join(f"if (fread({name}, sizeof {name}, 1, stdin) != 1) return 1;" for name in names),
        arguments="".join(f", {name}" for name in names),
    )
    (folder / "harness.c").write_text(text)
    command = [
        "gcc",
        "-std=c99",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pedantic",
        "harness.c",
        "-o",
        "harness",
        "-lm",
    ]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "harness"


def answers(program, model, windows, outputs):
    """Return what the program makes of windows and of what the graph gave for them."""
    stream = b"".join(
        window.tobytes() + b"".join(outputs[output.name][number].tobytes() for output in model.manifest.outputs)
        for number, window in enumerate(windows)
    )
    inputs = np.int8 if outputs[model.manifest.outputs[0].name].dtype == np.int8 else np.float32
    count = model.manifest.spec.preprocessing.inputs
    kind = np.dtype([("inputs", inputs, count), ("results", np.float32, 4)])
    return np.frombuffer(subprocess.run([program], input=stream, capture_output=True, check=True).stdout, kind)


def check_c_header(run, scheme, windows, folder):
    """Compare inputs, scores, smoothed scores and alarms of the compiled header with the Python host's."""
    model = export_run(run, ExportSettings(scheme, "micro"))
    host = HostScoring.of(model)
    inputs = host.inputs(windows)
    outputs, _ = run_graph(InstalledRuntime.here(installed_runtimes()[0]), model.flatbuffer, inputs)
    said = answers(compiled(model, outputs, folder), model, windows, outputs)
    assert len(said) == len(windows)
    steps = 1 if scheme == "int8" else 1e-5
    np.testing.assert_allclose(said["inputs"].astype(float), inputs.astype(float), atol=steps)
    scores = host.score(windows, outputs)
    np.testing.assert_allclose(said["results"][:, 0], scores, rtol=1e-3, atol=1e-4)
    smoothed = Smoother(model.manifest.spec.scoring.smoothing_span).update_many(scores)
    np.testing.assert_allclose(said["results"][:, 1], smoothed, rtol=1e-3, atol=1e-4)
    clear = np.abs(smoothed - 1.0) > 1e-3
    np.testing.assert_array_equal(said["results"][clear, 2] > 0, smoothed[clear] > 1.0)
    assert (smoothed > 1.0).any()
    return model, outputs


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("head", ["inputs", "modes", "codebook", "t2x", "spe", "joint"])
def test_c_header_says_what_the_python_host_says(train_head, windows, tmp_path, scheme, head):
    model, outputs = check_c_header(train_head(head), scheme, windows, tmp_path)
    incomplete = windows[:3].copy()
    incomplete[:, 1, 2] = np.nan, np.inf, -np.inf
    assert np.isnan(answers(tmp_path / "harness", model, incomplete, outputs)["results"][:, 0]).all()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize("features", [("mean", "std"), ("values", "min", "max", "slope")])
def test_c_header_computes_features(train_again, tmp_path, features):
    windows = np.ascontiguousarray(sliding_windows(faulty_rows(), 4))
    run = train_again("inputs", window=4, features=features).folder
    check_c_header(run, "float32", windows, tmp_path)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize("condition", ["", "current > 1.4", "flow <= 32.5 and current != 0 and pressure >= 1e5"])
def test_c_header_says_when_the_machine_works(train_head, windows, tmp_path, condition):
    run = train_head("spe")
    run = replace(run, spec=run.spec._replace(only_when=condition))
    model = export_run(run, ExportSettings("float32", "micro"))
    odd = windows.copy()
    odd[5:8, -1, 2] = np.nan, np.inf, np.float32(1.4)
    outputs = {one.name: np.zeros((len(odd), width), np.float32)
               for one, width in zip(model.manifest.outputs, output_widths(model), strict=True)}  # fmt: skip
    said = answers(compiled(model, outputs, tmp_path), model, odd, outputs)["results"][:, 3] > 0
    expected = Condition(condition, SENSORS).is_on(odd[:, -1]) if condition else np.ones(len(odd), bool)
    np.testing.assert_array_equal(said, expected)
    assert bool(condition) == (not expected.all())


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_array_is_the_graph_and_aligned(trained, tmp_path):
    model = export_run(trained.folder, ExportSettings(target="micro"))
    write_c_sources(model, tmp_path / "pump.tflite")
    (tmp_path / "main.cc").write_text(
        '#include <cstdint>\n#include <cstdio>\n#include "pump_model.h"\n'
        "int main() { fwrite(pump_model, 1, pump_model_size, stdout);"
        " return reinterpret_cast<std::uintptr_t>(pump_model) % 16; }\n"
    )
    subprocess.run(["g++", "-Wall", "-Werror", "main.cc", "pump_model.cc", "-o", "main"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout == model.flatbuffer


def test_names_are_c_names(trained):
    model = export_run(trained.folder, ExportSettings(target="micro"))
    assert list(c_sources(model, "2nd-pump v1.0")) == [
        "_2nd_pump_v1_0_model.h", "_2nd_pump_v1_0_model.cc", "_2nd_pump_v1_0_detector.h",
    ]  # fmt: skip
