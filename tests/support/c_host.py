"""The C of a model around its network, compiled with gcc into a program that answers as the Python host does."""

import platform
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tflite_graphs import GraphBuilder

from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import (
    SCHEMA,
    DetectorSpec,
    Manifest,
    Quantization,
    QuantizedTensor,
    Scoring,
    Sensor,
    Threshold,
)
from export.c_library.detector_source import follows
from export.micro import write_c_sources

FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-pedantic"]
# Windows and the network's outputs in; the network's inputs, and what comes of its outputs, out.
_SCORES = """
#include <stdio.h>
#include "host_detector.c"
static host_net_outputs next;
void host_net_run(const @type@ inputs[HOST_NET_INPUTS], host_net_outputs *outputs) {
  (void)inputs;
  *outputs = next;
}
int main(void) {
  static host_detector detector;
  static float window[HOST_WINDOW][HOST_SENSORS];
  static @type@ inputs[HOST_INPUTS];
  host_detector_init(&detector);
  while (fread(window, sizeof window, 1, stdin) == 1) {
@reads@
    host_detector_pause(&detector);
    int scored = 0;
    for (int t = 0; t < HOST_WINDOW; ++t) scored = host_detector_update(&detector, window[t]);
    if (!scored) return 2;
    host_detector_net_inputs(&detector, inputs);
    const double results[3] = {detector.score, detector.level, detector.is_anomaly};
    fwrite(inputs, sizeof inputs, 1, stdout);
    fwrite(results, sizeof results, 1, stdout);
@moved@
  }
  return 0;
}
"""
_MOVED = """
    fwrite(detector.drift, sizeof detector.drift, 1, stdout);
    fwrite(detector.variance, sizeof detector.variance, 1, stdout);"""
_LEVELS = """
#include <stdio.h>
#include "host_detector.c"
void host_net_run(const float inputs[HOST_NET_INPUTS], host_net_outputs *outputs) {
  (void)inputs;
  (void)outputs;
}
int main(void) {
  static host_detector detector;
  host_detector_init(&detector);
  while (fread(&detector.score, sizeof detector.score, 1, stdin) == 1) {
    judge(&detector);
    fwrite(&detector.level, sizeof detector.level, 1, stdout);
  }
  return 0;
}
"""


def has_fma():
    """Return whether this processor fuses a product and a sum."""
    facts = Path("/proc/cpuinfo")
    return platform.machine() == "x86_64" and facts.exists() and " fma " in facts.read_text()


def c_answers(model, windows, outputs, folder):
    """Return what the C host says of successive windows and of what the network gave for them.

    A structured array of ``inputs``, ``score``, ``level`` and ``is_anomaly``, and of ``drift`` and ``variance`` where
    they move.
    """
    names = [output.name for output in model.manifest.outputs]
    is_int8, moves = outputs[names[0]].dtype == np.int8, follows(model.manifest.spec)
    reads = (f"    if (fread(next.{name}, sizeof next.{name}, 1, stdin) != 1) return 1;" for name in names)
    text = _SCORES.replace("@type@", "int8_t" if is_int8 else "float").replace("@reads@", "\n".join(reads))
    stream = b"".join(
        window.tobytes() + b"".join(outputs[name][number].tobytes() for name in names)
        for number, window in enumerate(windows)
    )
    preprocessing = model.manifest.spec.preprocessing
    kind = [("inputs", np.int8 if is_int8 else np.float32, preprocessing.inputs),
            *((name, np.float64) for name in ("score", "level", "is_anomaly")),
            *((name, np.float64, preprocessing.sensors) for name in ("drift", "variance") if moves)]  # fmt: skip
    run = _compiled(model, text.replace("@moved@", _MOVED if moves else ""), folder)
    return np.frombuffer(run(stream), np.dtype(kind))


def c_smoother(model, folder):
    """Return a function from scores to the C host's smoothed scores, float64."""
    run = _compiled(model, _LEVELS, folder)
    return lambda scores: np.frombuffer(run(np.asarray(scores, np.float32).tobytes()), np.float64)


def _compiled(model, text, folder):
    """Return a function from standard input to standard output."""
    write_c_sources(model, folder / "host.tflite")
    (folder / "main.c").write_text(text)
    subprocess.run(["gcc", "-std=c99", *FLAGS, "main.c", "-o", "main", "-lm"], cwd=folder, check=True)
    return lambda stream: subprocess.run([folder / "main"], input=stream, capture_output=True, check=True).stdout


def float_file(preprocessing, head, widths, scoring=None, attribution=None):
    """Return a file for a C host whose graph gives outputs of these widths by name, from float32 inputs."""
    builder = GraphBuilder()
    x = builder.tensor((1, preprocessing.inputs), name="inputs")
    ends = []
    for name, width in widths.items():
        weights = builder.constant(np.zeros((width, preprocessing.inputs), np.float32))
        ends.append(builder.tensor((1, width), name=name))
        builder.op("FULLY_CONNECTED", [x, weights, -1], ends[-1], schema.FullyConnectedOptionsT())
    sensors = tuple(Sensor(f"s{number}") for number in range(preprocessing.sensors))
    manifest = Manifest(
        schema=SCHEMA,
        name="host",
        target="micro",
        spec=DetectorSpec(sensors, preprocessing, scoring or Scoring(head.kind)),
        threshold=Threshold(1.0, "given", 0.0, 0),
        quantization=Quantization("float32"),
        mean_activation=(0.5,) * widths.get("codes", 0),
        flatbuffer_sha256="",
        graph="network",
        outputs=tuple(map(QuantizedTensor, widths)),
    )
    arrays = {**head.arrays(), **(attribution.arrays() if attribution else {})}
    model = ModelFile(builder.build([x], ends), manifest, arrays)
    return replace(model, manifest=replace(manifest, flatbuffer_sha256=model.sha256))
