"""Files for the Edge TPU and for microcontrollers, as a Python host runs them: scored as their manifest says.

The reference reads the manifest as JSON and the graph with the bare interpreter; it shares no code with the detector.
"""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from machines import SENSORS, pump_rows, write_csv

from edge_runtime import Detector
from edge_runtime.errors import InputShapeError
from edge_runtime.inference.runtimes import installed_runtimes
from export.export_run import ExportSettings, export_run

FILES = [
    ("edgetpu", "int8", "t2"), ("edgetpu", "int8", "t2x"), ("edgetpu", "int8", "spe"), ("edgetpu", "int8", "joint"),
    ("micro", "int8", "residual"), ("micro", "int8", "deep"), ("micro", "float32", "joint"),
    ("edgetpu", "int8", "inputs"), ("micro", "int8", "modes"), ("edgetpu", "int8", "codebook"),
]  # fmt: skip
PARTS = {"t2": ["codes"], "t2x": ["inputs", "codes"], "spe": ["residual"], "residual": ["residual"],
         "joint": ["residual", "codes"], "deep": ["inputs", "hidden_0", "codes"], "inputs": ["inputs"],
         "modes": ["inputs"], "codebook": ["inputs", "hidden_0", "codes"]}  # fmt: skip
ROWS = pump_rows(80, seed=9)
ROWS[60:, 1] += 20_000
WINDOWS = np.stack([ROWS[start : start + 3] for start in range(len(ROWS) - 2)])


class Reference:
    """What a host has to do, written down once more."""

    def __init__(self, model):
        self.manifest = json.loads(model.manifest.to_bytes())
        self.arrays = {name: array.astype(np.float64) for name, array in model.arrays.items()}
        self.interpreter = Interpreter(model_content=model.flatbuffer)
        self.interpreter.allocate_tensors()

    def parts(self, window):
        shape, quantization = self.manifest["spec"]["preprocessing"], self.manifest["quantization"]
        scaled = (window - np.float32(shape["center"])) * (1 / np.float64(shape["scale"])).astype(np.float32)
        inputs = np.clip(scaled, -shape["limit"], shape["limit"]).ravel()
        entry = self.interpreter.get_input_details()[0]
        values = inputs
        if entry["dtype"] == np.int8:
            steps = np.rint(inputs / np.float32(quantization["input_scale"])) + quantization["input_zero_point"]
            values = np.clip(steps, -128, 127).astype(np.int8)
        self.interpreter.set_tensor(entry["index"], values.reshape(entry["shape"]))
        self.interpreter.invoke()
        parts = {"inputs": inputs}
        for output in self.interpreter.get_output_details():
            scale, zero_point = output["quantization"]
            given = self.interpreter.get_tensor(output["index"]).ravel().astype(np.float64)
            parts[output["name"]] = (given - zero_point) * scale if scale else given
        if "reconstruction" in parts:
            parts["residual"] = inputs - parts["reconstruction"]
        return parts

    def distances(self, parts):
        """Squared distances from the head's centres."""
        head = self.manifest["spec"]["scoring"]["head"]
        z = np.concatenate([parts[name] for name in PARTS[head]])
        if "head_factor" in self.arrays:
            return self.distances_in_integers(z)
        whitening, z = self.arrays["head_whitening"], z - self.arrays["head_mean"]
        whitened = z * whitening if whitening.ndim == 1 else z @ whitening
        return np.square(whitened - self.arrays.get("head_centers", np.zeros((1, 1)))).sum(axis=-1)

    def distances_in_integers(self, z):
        """The same of a head in integers, one triangular factor after the other."""
        mean, gain, shift = (np.atleast_2d(self.arrays[f"head_{name}"]) for name in ("mean", "gain", "shift"))
        centers = self.arrays.get("head_centers", np.zeros((1, 1)))
        found = []
        for mode, factor in enumerate(np.atleast_2d(self.arrays["head_factor"])):
            u = np.clip((z - mean[mode]) * gain[mode], -32767, 32767)
            u = np.trunc(u + np.copysign(0.5, u))
            upper = np.zeros((len(z), len(z)))
            upper[np.triu_indices(len(z))] = factor
            whitened = np.floor(upper @ u / 2 ** shift[mode] + 0.5)
            found += [np.square(whitened - center).sum() for center in centers]
        return np.array(found) * self.arrays["head_unit"][0]

    def scores(self, windows):
        return np.array([self.distances(self.parts(window)).min() for window in windows])

    def mode(self, parts):
        return self.distances(parts).argmin() if len(self.arrays["attribution_mean"]) > 1 else 0

    def contributions(self, window):
        parts = self.parts(window)
        mode = self.mode(parts)
        blame = (parts["inputs"] - self.arrays["attribution_mean"][mode]) @ self.arrays["attribution_blame"][mode]
        ratios = np.square(blame).reshape(3, 4).sum(axis=0)
        return ratios / ratios.sum() * self.distances(parts).min()

    def expected(self, window):
        parts = self.parts(window)
        mode = self.mode(parts)
        shift = (parts["inputs"] - self.arrays["attribution_mean"][mode]) @ self.arrays["attribution_level"][mode]
        return shift + self.arrays["attribution_level_bias"][mode]


def levels_of(scores, threshold):
    """The moving average over a span of five, which remembers at most three times the threshold."""
    level, smoothed = None, []
    for score in scores:
        level = score if level is None else min(level, 3 * threshold) * 4 / 6 + score * 2 / 6
        smoothed.append(level)
    return smoothed


@pytest.fixture(scope="module", params=FILES, ids=" ".join)
def model(request, train_head):
    target, scheme, head = request.param
    return export_run(train_head(head), ExportSettings(scheme, target))


@pytest.fixture
def path(model, tmp_path):
    model.write(tmp_path / "pump.tflite")
    return tmp_path / "pump.tflite"


@pytest.mark.parametrize("runtime", ["ai-edge-litert", "numpy"])
def test_every_call_gives_what_the_formula_gives(model, path, runtime):
    detector, reference = Detector.load(path, runtime=runtime), Reference(model)
    expected = reference.scores(WINDOWS)
    np.testing.assert_allclose(detector.score_many(WINDOWS), expected, rtol=2e-3)
    np.testing.assert_allclose([detector.score(window) for window in WINDOWS], expected, rtol=2e-3)
    codes = [reference.parts(window)["codes"] for window in WINDOWS]
    np.testing.assert_allclose(detector.encode(WINDOWS), codes, atol=1e-5)
    smoothed = levels_of(expected, detector.threshold)
    stream = detector.stream()
    results = [stream.update(row) for row in ROWS]
    assert results[:2] == [None, None]
    np.testing.assert_allclose([result.score for result in results[2:]], smoothed, rtol=2e-3)
    assert [result.is_anomaly for result in results[2:]] == [score > detector.threshold for score in smoothed]


def test_contributions_and_expected_values_are_those_of_the_formula(model, path):
    detector, reference = Detector.load(path), Reference(model)
    contributions, expected = detector.explain_many(WINDOWS), detector.expected_many(WINDOWS)
    np.testing.assert_allclose(contributions.sum(axis=1), detector.score_many(WINDOWS), rtol=1e-3)
    np.testing.assert_allclose(
        contributions, [reference.contributions(window) for window in WINDOWS], rtol=1e-2, atol=1e-4
    )
    np.testing.assert_allclose(expected, [reference.expected(window) for window in WINDOWS], rtol=1e-4)
    assert SENSORS[contributions[-1].argmax()] == "pressure"
    assert list(detector.explain(WINDOWS[-1])) == list(SENSORS)


def test_window_with_a_missing_value_is_refused(path):
    incomplete = WINDOWS[0].copy()
    incomplete[1, 2] = np.nan
    with pytest.raises(InputShapeError, match="finite"):
        Detector.load(path).score(incomplete)


def test_commands_give_the_same_in_every_runtime(model, path, tmp_path):
    write_csv(tmp_path / "log.csv", ROWS)
    smoothed = levels_of(Reference(model).scores(WINDOWS), model.manifest.threshold.value)
    # The optimised kernels of tflite-runtime are an int8 step off now and then.
    close = {"rtol": 5e-2 if model.manifest.quantization.scheme == "int8" else 2e-3}
    for runtime in [*(runtime.name for runtime in installed_runtimes()), "numpy"]:
        given = in_a_process(tmp_path, "score", path, "log.csv", "-o", "-", "--runtime", runtime)
        table = list(csv.DictReader(given.splitlines()))
        np.testing.assert_allclose([float(row["score"]) for row in table], smoothed, **close)
        given = in_a_process(tmp_path, "run", path, "--source", "csv:log.csv", "--runtime", runtime)
        lines = [line for line in map(json.loads, given.splitlines()) if "event" not in line]
        np.testing.assert_allclose([line["score"] for line in lines], smoothed, **close)


def in_a_process(folder, *arguments):
    command = [sys.executable, "-m", "saelite", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
