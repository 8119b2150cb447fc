"""C sources for a microcontroller: compiled with gcc, they say what the Python host says."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from c_host import c_answers
from machines import pump_rows

from edge_runtime.inference.host_scoring import HostScoring
from edge_runtime.inference.runtimes import installed_runtimes
from edge_runtime.model_file.making import RuntimeCheck
from edge_runtime.signal.smoothing import Smoother
from edge_runtime.signal.windows import sliding_windows
from edge_runtime.streaming.adaptation.alarm_height import AlarmHeight
from edge_runtime.streaming.adaptation.tracking import CEILING, tracker_of
from export.export_run import ExportSettings, export_run
from export.flatbuffer import parse
from export.micro import c_sources, write_c_sources
from export.runtime_check import InstalledRuntime, run_graph

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


def widths_of(model):
    """Return each output with its number of values."""
    return zip(model.manifest.outputs, parse(model.flatbuffer).output_widths, strict=True)


@pytest.fixture(scope="module")
def windows():
    return np.ascontiguousarray(sliding_windows(faulty_rows(), 3))


def faulty_rows():
    """Return a pump's rows with two faults in them."""
    rows = pump_rows(600, seed=9)
    rows[300:340, 1] += 20_000
    rows[400:420] *= 1.5
    return rows


def check_c_host(run, scheme, windows, folder):
    """Compare inputs, scores, smoothed scores and alarms of the compiled C with the Python host's."""
    model = export_run(run, ExportSettings(scheme, "micro"))
    host = HostScoring.of(model)
    inputs = host.inputs(windows)
    outputs, _ = run_graph(InstalledRuntime.here(installed_runtimes()[0]), model.flatbuffer, inputs)
    said = c_answers(model, windows, outputs, folder)
    assert len(said) == len(windows)
    # The logarithm of a power near nothing magnifies the last digits.
    steps = 1 if scheme == "int8" else 1e-4 if model.manifest.spec.preprocessing.spectra else 1e-5
    np.testing.assert_allclose(said["inputs"].astype(float), inputs.astype(float), atol=steps)
    scores = host.score(windows, outputs)
    # Where C and Python differ in a digit, a value may fall on the other side of an edge between two of the steps.
    np.testing.assert_allclose(said["score"], scores, rtol=1e-3, atol=1e-3)
    smoothed = Smoother(model.manifest.spec.scoring.smoothing_span, 1.0).update_many(scores)
    np.testing.assert_allclose(said["level"], smoothed, rtol=1e-3, atol=1e-4)
    clear = np.abs(smoothed - 1.0) > 1e-3
    np.testing.assert_array_equal(said["is_anomaly"][clear] > 0, smoothed[clear] > 1.0)
    assert (smoothed > 1.0).any()


@needs_gcc
@pytest.mark.parametrize(("head", "scheme"), [("modes", "int8"), ("joint", "int8"), ("codebook", "float32")])
def test_c_host_says_what_the_python_host_says(train_head, windows, tmp_path, scheme, head):
    check_c_host(train_head(head), scheme, windows, tmp_path)


@needs_gcc
def test_c_host_computes_features(train_again, tmp_path):
    windows = np.ascontiguousarray(sliding_windows(faulty_rows(), 4))
    features = ("values", "mean", "std", "min", "max", "slope", "spectrum")
    run = train_again("inputs", window=4, features=features, bands=2).folder
    check_c_host(run, "float32", windows, tmp_path)


def drifting_windows():
    """Return windows of a pump that wanders off far beyond the ceiling and comes back, with a fault on the way."""
    rows = pump_rows(3000, seed=4, jumps=False).astype(np.float64)
    rows += rows.std(axis=0) * np.interp(np.arange(3000), [0, 200, 2000, 3000], [0, 0, 6, 0])[:, None]
    rows[900:930] += 15 * pump_rows(3000, seed=4, jumps=False).std(axis=0) * [1, -1, 1, -1]
    return np.ascontiguousarray(sliding_windows(rows.astype(np.float32), 3))


@needs_gcc
@pytest.mark.parametrize("scale_rate", [0.0, 0.02])
def test_c_host_follows_mean_and_scale_as_the_python_host(train_again, tmp_path, scale_rate):
    run = train_again("inputs", mean_rate=0.02, scale_rate=scale_rate).folder
    model, windows = export_run(run, ExportSettings("float32", "micro")), drifting_windows()
    host, tracker = HostScoring.of(model), tracker_of(model.manifest.spec)
    smoother, height, expected = Smoother(model.manifest.spec.scoring.smoothing_span, 1.0), AlarmHeight(), []
    # The score of this head is of the inputs alone, whatever the graph gives.
    outputs = {one.name: np.zeros((len(windows), width), np.float32)
               for one, width in widths_of(model)}  # fmt: skip
    for window in windows:
        seen = tracker.as_trained(window)[None]
        level = smoother.update(float(host.score(seen, {name: one[:1] for name, one in outputs.items()})[0]))
        quiet = height.take(level, 1.0)
        tracker.follow(window[-1], quiet=quiet)
        expected.append((level, quiet, *np.concatenate(tracker.moved)))
    said = c_answers(model, windows, outputs, tmp_path)
    expected = np.array(expected)
    np.testing.assert_allclose(said["level"], expected[:, 0], rtol=2e-3, atol=1e-3)
    scale = np.array(model.manifest.spec.preprocessing.scale)
    drift, variance = expected[:, 2 : 2 + len(scale)], expected[:, 2 + len(scale) :]
    np.testing.assert_allclose(said["drift"] / scale, drift / scale, atol=1e-4)
    np.testing.assert_allclose(said["variance"], variance, rtol=1e-4)
    assert (said["variance"].max() > 1.5) == bool(scale_rate)
    assert np.abs(said["drift"] / scale).max() == pytest.approx(CEILING)
    still = expected[:, 1] == 0
    assert 0 < still.sum() < (said["is_anomaly"] > 0).sum() < len(windows) / 2
    np.testing.assert_array_equal(np.diff(said["drift"], axis=0)[still[1:]], 0)


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


def test_the_header_says_what_arena_was_measured(trained):
    model = export_run(trained.folder, ExportSettings(target="micro"))
    measured = [one.arena_bytes for one in model.manifest.runtimes if one.arena_bytes]
    headers = {}
    for arena_bytes in (0, 1728):
        check = RuntimeCheck("tflite-micro", "1", "x86_64", 0.0, arena_bytes)
        manifest = replace(model.manifest, runtimes=(check,))
        headers[arena_bytes] = c_sources(replace(model, manifest=manifest), "pump")["pump_model.h"]
    assert "#define PUMP_MODEL_ARENA_BYTES 1728\n" in headers[1728]
    assert "ran the graph in, on x86_64" in headers[1728]
    assert "ARENA_BYTES" not in headers[0]
    assert "The arena was not measured" in headers[0]
    if measured:
        assert f"ARENA_BYTES {measured[0]}\n" in c_sources(model, "pump")["pump_model.h"]


def test_names_are_c_names(trained):
    model = export_run(trained.folder, ExportSettings(target="micro"))
    assert list(c_sources(model, "2nd-pump v1.0")) == [
        f"detector_2nd_pump_v1_0_{ending}" for ending in ("model.h", "model.cc", "net.h", "detector.h", "detector.c")
    ]  # fmt: skip
