"""C sources for a microcontroller: the graph as an array, and a header that scales, quantises and scores.

The header is plain C99 over ``math.h`` and ``stdint.h`` and allocates nothing, so it compiles beside
TensorFlow Lite Micro, which runs the graph in between.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.atomic import write_atomically
from edge_runtime.errors import UsageError
from edge_runtime.heads import PARTS, hidden_outputs
from edge_runtime.manifest import DetectorSpec, QuantizedTensor
from edge_runtime.model_file import ModelFile
from edge_runtime.only_when import parse_condition
from edge_runtime.preprocessing import gain
from export import flatbuffer

_BYTES_PER_LINE, _FLOATS_PER_LINE = 16, 6

_QUANTIZE = """\
const float step = nearbyintf(@n@_scaled(window, i) / @N@_INPUT_SCALE) + @N@_INPUT_ZERO_POINT;
    inputs[i] = (int8_t)fminf(fmaxf(step, -128.0f), 127.0f);"""
_DIAGONAL = "const float whitened = z[j] * @n@_head_whitening[j];"
_MATRIX = """\
float whitened = 0.0f;
    for (int i = 0; i < @N@_VARIABLES; ++i) whitened += z[i] * @n@_head_whitening[i * @N@_VARIABLES + j];"""

# In these templates @n@ is the name, @N@ the name in capitals.
_MODEL_H = """\
// The graph of "{title}" for TensorFlow Lite Micro. Written by saelite; SHA-256 {sha256}.
#ifndef @N@_MODEL_H_
#define @N@_MODEL_H_

#ifdef __cplusplus
extern "C" {{
#endif

extern const unsigned char @n@_model[];
extern const unsigned int @n@_model_size;

#ifdef __cplusplus
}}
#endif

#endif  // @N@_MODEL_H_
"""

_MODEL_CC = """\
// Written by saelite. The array is 16-byte aligned, as the interpreter wants it.
#include "@n@_model.h"

alignas(16) const unsigned char @n@_model[] = {{
{bytes}
}};
const unsigned int @n@_model_size = {size};
"""

_DETECTOR_H = """\
// Scaling, quantisation, scoring head and threshold of "{title}" in plain C. Written by saelite.
//
// For each reading: while @n@_is_on() says 0 there is no score and no alarm, and the window starts anew after it.
// For each window: @n@_inputs() fills the graph's input; the interpreter runs it; @n@_score() turns its
// outputs into a score (higher is more anomalous); @n@_smooth() averages successive scores;
// @n@_is_anomaly() compares with the threshold.
#ifndef @N@_DETECTOR_H_
#define @N@_DETECTOR_H_

#include <math.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define @N@_SENSORS {sensors}
#define @N@_WINDOW {window}
#define @N@_STRIDE {stride}
#define @N@_INPUTS {inputs}
#define @N@_VARIABLES {variables}
#define @N@_LIMIT {limit}
#define @N@_INPUT_SCALE {input_scale}
#define @N@_INPUT_ZERO_POINT {input_zero_point}
#define @N@_THRESHOLD {threshold}
#define @N@_SMOOTHING {smoothing}

// Sensors, in the order of a reading: {sensor_names}
static const float @n@_center[{sensors}] = {{
{center}
}};
static const float @n@_gain[{sensors}] = {{
{gain}
}};
static const float @n@_head_mean[{variables}] = {{
{head_mean}
}};
static const float @n@_head_whitening[{whitening_size}] = {{
{head_whitening}
}};

// One input of the network, before quantisation. The window holds its readings one after the other.
static inline float @n@_scaled(const float *window, int index) {{
  const int sensor = index % @N@_SENSORS;
  const float value = (window[index] - @n@_center[sensor]) * @n@_gain[sensor];
  return fminf(fmaxf(value, -@N@_LIMIT), @N@_LIMIT);
}}

// Whether a reading counts{only_when}. A value that is no finite number decides nothing.
static inline int @n@_is_on(const float *reading) {{
{is_on}
}}

static inline void @n@_inputs(const float *window, {type} *inputs) {{
  for (int i = 0; i < @N@_INPUTS; ++i) {{
    {fill}
  }}
}}

// NAN for a window with a value that is no finite number: leave it out, or repeat the sensor's last value.
static inline float @n@_score(const float *window, {parameters}) {{
  float z[@N@_VARIABLES];
  int n = 0;{unused}
  for (int i = 0; i < @N@_INPUTS; ++i) {{
    if (!isfinite(window[i])) return NAN;
  }}
{gather}
  float score = 0.0f;
  for (int j = 0; j < @N@_VARIABLES; ++j) {{
    {whiten}
    score += whitened * whitened;
  }}
  return score;
}}

// Start with level = the first score; then level = @n@_smooth(level, score).
static inline float @n@_smooth(float level, float score) {{
  return level + @N@_SMOOTHING * (score - level);
}}

static inline int @n@_is_anomaly(float smoothed) {{ return smoothed > @N@_THRESHOLD; }}

#ifdef __cplusplus
}}
#endif

#endif  // @N@_DETECTOR_H_
"""


def c_sources(model: ModelFile, name: str) -> Mapping[str, str]:
    """Return the contents of ``NAME_model.h``, ``NAME_model.cc`` and ``NAME_detector.h`` by file name.

    Raises
    ------
    UsageError
        If the network's inputs are features other than the scaled values, which the C header cannot compute.
    """
    features = model.manifest.spec.preprocessing.features
    if features != ("values",):
        raise UsageError(
            f"the C header scales values and computes no features: expected a detector of the feature 'values' alone. "
            f"Received: {', '.join(features)}. Train it without --features."
        )
    c_name = re.sub(r"\W", "_", f"_{name}" if name[:1].isdigit() else name)
    fields = {"title": _comment(model.manifest.name), "sha256": model.sha256,
              "bytes": _bytes(model.flatbuffer), "size": len(model.flatbuffer), **_detector_fields(model)}  # fmt: skip
    return {
        f"{c_name}_{ending}": text.format(**fields).replace("@n@", c_name).replace("@N@", c_name.upper())
        for ending, text in (("model.h", _MODEL_H), ("model.cc", _MODEL_CC), ("detector.h", _DETECTOR_H))
    }


def write_c_sources(model: ModelFile, beside: Path) -> list[Path]:
    """Write the C sources beside a model file and return their paths."""
    paths = []
    for name, text in c_sources(model, beside.stem).items():
        paths.append(beside.with_name(name))
        write_atomically(paths[-1], text.encode())
    return paths


def _detector_fields(model: ModelFile) -> dict[str, Any]:
    manifest = model.manifest
    preprocessing, scoring = manifest.spec.preprocessing, manifest.spec.scoring
    mean, whitening = model.arrays["head_mean"], model.arrays["head_whitening"]
    is_int8 = bool(manifest.quantization.input_scale)
    kind = "int8_t" if is_int8 else "float"
    return {
        "sensors": preprocessing.sensors, "window": preprocessing.window, "stride": preprocessing.stride,
        "inputs": preprocessing.inputs, "variables": len(mean), "limit": _float(preprocessing.limit),
        "input_scale": _float(manifest.quantization.input_scale or 1.0),
        "input_zero_point": manifest.quantization.input_zero_point,
        "threshold": _float(manifest.threshold.value), "smoothing": _float(2 / (scoring.smoothing_span + 1)),
        "sensor_names": ", ".join(_comment(name) for name in manifest.spec.sensor_names),
        "center": _floats(preprocessing.center), "gain": _floats(gain(preprocessing.scale)),
        "head_mean": _floats(mean), "head_whitening": _floats(whitening.ravel()), "whitening_size": whitening.size,
        "only_when": f": {_comment(manifest.spec.only_when)}" if manifest.spec.only_when else ": all do",
        "is_on": _is_on(manifest.spec), "type": kind,
        "fill": _QUANTIZE if is_int8 else "inputs[i] = @n@_scaled(window, i);",
        "parameters": ", ".join(f"const {kind} *{output.name}" for output in manifest.outputs),
        "unused": "".join(f"\n  (void){output.name};" for output in manifest.outputs),
        "gather": "\n".join(_gather(model)), "whiten": _DIAGONAL if whitening.ndim == 1 else _MATRIX,
    }  # fmt: skip


def _is_on(spec: DetectorSpec) -> str:
    """Return the body that says what `edge_runtime.only_when` says."""
    names = spec.sensor_names
    lines = []
    for one in parse_condition(spec.only_when):
        value = f"reading[{names.index(one.sensor)}]"
        lines.append(f"  if (isfinite({value}) && !({value} {one.operator} {_float(one.number)})) return 0;")
    return "\n".join([*(lines or ["  (void)reading;"]), "  return 1;"])


def _gather(model: ModelFile) -> Iterable[str]:
    """Yield the loops that put ``z - mean`` together, in the head's order."""
    outputs = {output.name: output for output in model.manifest.outputs}
    preprocessing = model.manifest.spec.preprocessing
    shapes = {output.name: width for output, width in zip(model.manifest.outputs, output_widths(model), strict=True)}
    for part in PARTS[model.manifest.spec.scoring.head]:
        if part == "inputs":
            yield _loop(preprocessing.inputs, "@n@_scaled(window, i)")
        elif part == "residual":
            value = _value(outputs["reconstruction"])
            yield _loop(preprocessing.inputs, f"@n@_scaled(window, i) - {value}")
        else:
            for name in [part] if part == "codes" else hidden_outputs(outputs):
                yield _loop(shapes[name], _value(outputs[name]))


def output_widths(model: ModelFile) -> list[int]:
    """Return the number of values of each output, in the order of `Manifest.outputs`."""
    (graph,) = flatbuffer.parse(model.flatbuffer).subgraphs
    return [int(np.prod(graph.tensors[index].shape)) for index in graph.outputs]


def _loop(count: int, value: str) -> str:
    return f"  for (int i = 0; i < {count}; ++i, ++n) z[n] = {value} - @n@_head_mean[n];"


def _value(output: QuantizedTensor) -> str:
    if not output.scale:
        return f"{output.name}[i]"
    return f"((float){output.name}[i] - {_float(output.zero_point)}) * {_float(output.scale)}"


def _bytes(content: bytes) -> str:
    cells = [f"0x{byte:02x}," for byte in content]
    return _lines(cells, _BYTES_PER_LINE)


def _floats(values: Iterable[float]) -> str:
    return _lines([f"{_float(value)}," for value in values], _FLOATS_PER_LINE)


def _float(value: float) -> str:
    """Return a float32 as C writes it: nine digits tell any two apart."""
    text = f"{np.float32(value):.9g}"
    return f"{text if any(mark in text for mark in '.e') else f'{text}.0'}f"


def _lines(cells: list[str], per_line: int) -> str:
    return "\n".join(f"  {' '.join(cells[start : start + per_line])}" for start in range(0, len(cells), per_line))


def _comment(text: str) -> str:
    """Return text that cannot end a line comment."""
    return " ".join(text.replace("\\", "/").split())
