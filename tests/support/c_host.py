"""The C header of a model, compiled with gcc into a program that answers as the Python host does."""

import subprocess
from dataclasses import replace

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
from export.micro import write_c_sources

_FLAGS = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic"]
# Windows and the graph's outputs in; the graph's inputs, and what comes of its outputs, out.
_SCORES = """
#include <stdio.h>
#include "host_detector.h"
typedef {type} value;
int main(void) {{
  float raw[HOST_WINDOW * HOST_SENSORS], window[HOST_WINDOW * HOST_SENSORS];
  double level = NAN;
  host_moved moved = host_unmoved();
  value inputs[HOST_INPUTS]{declarations};
  while (fread(raw, sizeof raw, 1, stdin) == 1) {{
    {reads}
    const float *last = raw + (HOST_WINDOW - 1) * HOST_SENSORS;
    host_as_trained(&moved, raw, window);
    host_inputs(window, inputs);
    const float score = host_score(window{arguments});
    level = host_smooth(level, score);
    const int is_anomaly = host_is_anomaly(level);
    host_follow(&moved, last, is_anomaly);
    const double results[4] = {{score, level, is_anomaly, host_is_on(last)}};
    fwrite(inputs, sizeof inputs, 1, stdout);
    fwrite(results, sizeof results, 1, stdout);
    fwrite(&moved, sizeof moved, 1, stdout);
  }}
  return 0;
}}
"""
_LEVELS = """
#include <stdio.h>
#include "host_detector.h"
int main(void) {
  float score;
  double level = NAN;
  while (fread(&score, sizeof score, 1, stdin) == 1) {
    level = host_smooth(level, score);
    fwrite(&level, sizeof level, 1, stdout);
  }
  return 0;
}
"""


def c_answers(model, windows, outputs, folder):
    """Return what the C host says of successive windows and of what the graph gave for them.

    A structured array of ``inputs``, ``score``, ``level``, ``is_anomaly``, ``is_on``, ``drift`` and ``variance``.
    """
    names = [output.name for output in model.manifest.outputs]
    is_int8 = outputs[names[0]].dtype == np.int8
    text = _SCORES.format(
        type="int8_t" if is_int8 else "float",
        declarations="".join(f", {name}[{outputs[name][0].size}]" for name in names),
        reads="\n    ".join(f"if (fread({name}, sizeof {name}, 1, stdin) != 1) return 1;" for name in names),
        arguments="".join(f", {name}" for name in names),
    )
    stream = b"".join(
        window.tobytes() + b"".join(outputs[name][number].tobytes() for name in names)
        for number, window in enumerate(windows)
    )
    preprocessing = model.manifest.spec.preprocessing
    numbers = [(name, np.float64) for name in ("score", "level", "is_anomaly", "is_on")]
    kind = [("inputs", np.int8 if is_int8 else np.float32, preprocessing.inputs), *numbers,
            *((name, np.float64, preprocessing.sensors) for name in ("drift", "variance"))]  # fmt: skip
    return np.frombuffer(_compiled(model, text, folder)(stream), np.dtype(kind))


def c_smoother(model, folder):
    """Return a function from scores to the C host's smoothed scores, float64."""
    run = _compiled(model, _LEVELS, folder)
    return lambda scores: np.frombuffer(run(np.asarray(scores, np.float32).tobytes()), np.float64)


def _compiled(model, text, folder):
    """Return a function from standard input to standard output."""
    write_c_sources(model, folder / "host.tflite")
    (folder / "main.c").write_text(text)
    subprocess.run(["gcc", *_FLAGS, "main.c", "-o", "main", "-lm"], cwd=folder, check=True)
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
