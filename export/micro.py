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

from edge_runtime.common.atomic import write_atomically
from edge_runtime.errors import UsageError
from edge_runtime.inference.heads import PARTS, Head, hidden_outputs
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import DetectorSpec, QuantizedTensor
from edge_runtime.signal.features import rows_of, slope_weights
from edge_runtime.signal.only_when import parse_condition
from edge_runtime.signal.preprocessing import Preprocessing, gain
from edge_runtime.streaming.adaptation.tracking import CEILING, CLIP, LARGEST_VARIANCE
from export import flatbuffer
from export.c_templates import (
    DETECTOR_H,
    DIAGONAL,
    FEATURES,
    MATRIX_PER_CENTER,
    MODEL_CC,
    MODEL_H,
    ONE_MATRIX,
    QUANTIZE,
)

_BYTES_PER_LINE, _FLOATS_PER_LINE, _DOUBLES_PER_LINE = 16, 6, 4


def c_sources(model: ModelFile, name: str) -> Mapping[str, str]:
    """Return the contents of ``NAME_model.h``, ``NAME_model.cc`` and ``NAME_detector.h`` by file name.

    Raises
    ------
    UsageError
        If the network's inputs are spectra, which the C header cannot compute.
    """
    unknown = [one for one in model.manifest.spec.preprocessing.features if one not in FEATURES]
    if unknown:
        raise UsageError(
            f"the C header computes {', '.join(FEATURES)}: expected a detector of these features. "
            f"Received: {', '.join(unknown)}. Train it without them."
        )
    c_name = re.sub(r"\W", "_", f"_{name}" if name[:1].isdigit() else name)
    fields = {"title": _comment(model.manifest.name), "sha256": model.sha256,
              "bytes": _bytes(model.flatbuffer), "size": len(model.flatbuffer), **_detector_fields(model)}  # fmt: skip
    return {
        f"{c_name}_{ending}": text.format(**fields).replace("@n@", c_name).replace("@N@", c_name.upper())
        for ending, text in (("model.h", MODEL_H), ("model.cc", MODEL_CC), ("detector.h", DETECTOR_H))
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
    head = Head.from_arrays(scoring.head, model.arrays)
    mean, whitening = head.mean, head.whitening
    width = whitening.shape[-1]
    centers = np.zeros((1, width), np.float32) if head.centers is None else head.centers
    whiten = {1: DIAGONAL, 2: ONE_MATRIX, 3: MATRIX_PER_CENTER}[whitening.ndim]
    is_int8 = bool(manifest.quantization.input_scale)
    kind = "int8_t" if is_int8 else "float"
    return {
        "sensors": preprocessing.sensors, "window": preprocessing.window, "stride": preprocessing.stride,
        "inputs": preprocessing.inputs, "variables": len(mean), "limit": _float(preprocessing.limit),
        "input_scale": _float(manifest.quantization.input_scale or 1.0),
        "input_zero_point": manifest.quantization.input_zero_point,
        "threshold": _float(manifest.threshold.value), "smoothing": _double(2 / (scoring.smoothing_span + 1)),
        "mean_rate": _double(scoring.mean_rate), "mean_start": _doubles(preprocessing.center),
        "scale_rate": _double(scoring.scale_rate), "scale_start": _doubles(preprocessing.scale),
        "ceiling": _double(CEILING), "clip": _double(CLIP), "largest_variance": _double(LARGEST_VARIANCE),
        "sensor_names": ", ".join(_comment(name) for name in manifest.spec.sensor_names),
        "center": _floats(preprocessing.center), "gain": _floats(gain(preprocessing.scale)),
        "head_mean": _floats(mean), "head_whitening": _floats(whitening.ravel()), "whitening_size": whitening.size,
        "whitened": width, "n_centers": len(centers), "centers_size": centers.size,
        "head_centers": _floats(centers.ravel()), "features": "\n".join(_features(preprocessing)),
        "feature_center": _floats(preprocessing.feature_center or (0.0,) * preprocessing.inputs),
        "slope": _floats(slope_weights(preprocessing.window).ravel()),
        "feature_gain": _floats(gain(preprocessing.feature_scale or (1.0,) * preprocessing.inputs)),
        "only_when": f": {_comment(manifest.spec.only_when)}" if manifest.spec.only_when else ": all do",
        "is_on": _is_on(manifest.spec), "type": kind,
        "fill": QUANTIZE if is_int8 else "inputs[i] = @n@_scaled(window, i);",
        "parameters": ", ".join(f"const {kind} *{output.name}" for output in manifest.outputs),
        "unused": "".join(f"\n  (void){output.name};" for output in manifest.outputs),
        "gather": "\n".join(_gather(model)), "whiten": whiten,
    }  # fmt: skip


def _is_on(spec: DetectorSpec) -> str:
    """Return the C body equivalent to `edge_runtime.signal.only_when`."""
    names = spec.sensor_names
    lines = []
    for one in parse_condition(spec.only_when):
        value = f"reading[{names.index(one.sensor)}]"
        lines.append(f"  if (isfinite({value}) && !({value} {one.operator} {_float(one.number)})) return 0;")
    return "\n".join([*(lines or ["  (void)reading;"]), "  return 1;"])


def _features(preprocessing: Preprocessing) -> Iterable[str]:
    """Yield the code of each feature, after the condition on the input rows that hold it."""
    row = 0
    for feature in preprocessing.features:
        last = row + rows_of(feature, preprocessing.window, preprocessing.bands)
        code = FEATURES[feature].format(first=row)
        yield f"  if (row >= {row} && row < {last}) {{\n      {code}\n  }}"
        row = last


def _gather(model: ModelFile) -> Iterable[str]:
    """Yield the loops that assemble ``z - mean``, in the head's order."""
    outputs = {output.name: output for output in model.manifest.outputs}
    preprocessing = model.manifest.spec.preprocessing
    widths = flatbuffer.parse(model.flatbuffer).output_widths
    shapes = {output.name: width for output, width in zip(model.manifest.outputs, widths, strict=True)}
    for part in PARTS[model.manifest.spec.scoring.head]:
        if part == "inputs":
            yield _loop(preprocessing.inputs, "@n@_scaled(window, i)")
        elif part == "residual":
            value = _value(outputs["reconstruction"])
            yield _loop(preprocessing.inputs, f"@n@_scaled(window, i) - {value}")
        else:
            for name in [part] if part == "codes" else hidden_outputs(outputs):
                yield _loop(shapes[name], _value(outputs[name]))


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
    """Return a float32 as a C literal; nine digits distinguish any two values."""
    text = f"{np.float32(value):.9g}"
    return f"{text if any(mark in text for mark in '.e') else f'{text}.0'}f"


def _doubles(values: Iterable[float]) -> str:
    return _lines([f"{_double(value)}," for value in values], _DOUBLES_PER_LINE)


def _double(value: float) -> str:
    """Return a float64 as C writes it."""
    return repr(float(value))


def _lines(cells: list[str], per_line: int) -> str:
    return "\n".join(f"  {' '.join(cells[start : start + per_line])}" for start in range(0, len(cells), per_line))


def _comment(text: str) -> str:
    """Return text that cannot end a line comment."""
    return " ".join(text.replace("\\", "/").split())
