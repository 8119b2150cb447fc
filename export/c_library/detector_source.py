"""``NAME_detector.h`` and ``NAME_detector.c``: from raw readings to score and alarm, around the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edge_runtime.inference.attribution import Attribution
from edge_runtime.inference.heads import PARTS, ScoringHead, needs_network
from edge_runtime.inference.packed_head import PackedHead
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import DetectorSpec
from edge_runtime.signal.missing import LONGEST_REPAIR
from edge_runtime.signal.only_when import parse_condition
from edge_runtime.signal.preprocessing import Preprocessing, gain
from edge_runtime.signal.smoothing import REMEMBERED
from edge_runtime.streaming.adaptation.alarm_height import MOSTLY_OVER
from edge_runtime.streaming.adaptation.tracking import CEILING, CLIP, LARGEST_VARIANCE
from export.c_library import cycle
from export.c_library import detector_templates as templates
from export.c_library.blame import blame_code, blame_constants, blame_declarations
from export.c_library.c_text import comment, double, doubles, fill, floats, identifiers, single, string
from export.c_library.feature_templates import (
    FLOAT_INPUTS,
    MOVED,
    MOVED_READING,
    PLAIN_READING,
    QUANTIZE,
    SCALED_INPUTS,
    SERIES,
)
from export.c_library.features import feature_code, feature_constants
from export.c_library.head import (
    head_code,
    head_constants,
    head_defines,
    head_members,
    head_of,
    head_ram_bytes,
)
from export.c_library.head_templates import PAIRS, POWER_OF_TWO


def detector_sources(model: ModelFile, fields: Mapping[str, Any], widths: Mapping[str, int]) -> tuple[str, str]:
    """Return ``NAME_detector.h`` and ``NAME_detector.c``.

    Parameters
    ----------
    model : ModelFile
    fields : mapping
        What all of the library's files have in common, see `library`.
    widths : mapping of str to int
        Number of values of each of the network's outputs.
    """
    spec = model.manifest.spec
    head = head_of(model)
    attribution = Attribution.from_arrays(model.arrays)
    known = {**fields, **_numbers(model, head), **_optional_parts(model, head, attribution)}
    known["constants"] = "\n".join(_constants(spec, head, attribution))
    known["functions"] = "\n\n".join(_functions(model, head, attribution, widths))
    header = fill(_nested(templates.DETECTOR_H, known), known)
    return header, fill(_nested(templates.DETECTOR_C, known), known)


# Fields that are C with marks of their own; every other field is data, and is not searched for marks.
_CODE = ("blame_declarations", "time_declaration", "time_member", "init_time", "net_inputs_declaration", "off_text",
         "tracking_members", "power_member", "net_members", "head_members", "constants", "functions", "score_calls",
         "judge", "init_tracking", "init_height", "update", "blame", "sensor_enum")  # fmt: skip


def _nested(text: str, known: Mapping[str, Any]) -> str:
    for name in _CODE:
        text = text.replace(f"@{name}@", known[name])
    return text


def _numbers(model: ModelFile, head: ScoringHead) -> dict[str, Any]:
    spec, threshold = model.manifest.spec, model.manifest.threshold
    preprocessing = spec.preprocessing
    names = spec.sensor_names
    return {
        "sensors": preprocessing.sensors, "window": preprocessing.window, "stride": preprocessing.stride,
        "variables": head.width, "parts": ", ".join(PARTS[head.kind]), "threshold": single(threshold.value),
        "promise": comment(f"fitted for {threshold.budget}" if threshold.budget else threshold.method),
        "longest_repair": LONGEST_REPAIR, "limit": single(preprocessing.limit),
        "smoothing": double(2 / (spec.scoring.smoothing_span + 1)),
        "remembered": double(REMEMBERED * threshold.value),
        "names": "\n".join(f"    {string(name)}," for name in names), "only_when": comment(spec.only_when),
    }  # fmt: skip


def _optional_parts(model: ModelFile, head: ScoringHead, attribution: Attribution | None) -> dict[str, str]:
    spec = model.manifest.spec
    bins = spec.preprocessing.window // 2 + 1
    is_spectral = bool(spec.preprocessing.spectra)
    members = "  @type@ net_inputs[@N@_INPUTS];\n  @n@_net_outputs outputs;\n"
    return {
        "sensor_enum": _sensor_enum(spec),
        "defines": "\n".join(_defines(model, head)),
        "blame_declarations": blame_declarations(attribution),
        "net_inputs_declaration": templates.NET_INPUTS_DECLARATION,
        "off_text": templates.OFF_TEXT if spec.only_when else "",
        "time_declaration": cycle.DECLARATION if spec.cycles else "",
        "time_member": cycle.MEMBER if spec.cycles else "",
        "init_time": cycle.INIT if spec.cycles else "",
        "tracking_members": templates.TRACKING_MEMBERS if follows(spec) else "",
        "power_member": f"  float power[{bins}];  // of one sensor, at each frequency\n" if is_spectral else "",
        "net_members": members if needs_network(head.kind) else "",
        "head_members": head_members(head),
        "head_includes": _head_includes(head, attribution),
        "score_calls": "\n".join(_score_calls(spec)),
        "judge": templates.JUDGE,
        "init_tracking": "\n    detector->drift[s] = 0.0;\n    detector->variance[s] = 1.0;" if follows(spec) else "",
        "init_height": "\n  detector->alarm_height = INFINITY;" if follows(spec) else "",
        "update": _update(spec),
        "blame": blame_code(attribution, expected=cycle.EXPECTED if spec.cycles else ""),
    }  # fmt: skip


def _sensor_enum(spec: DetectorSpec) -> str:
    lines = zip(identifiers(spec.sensor_names), spec.sensors, strict=True)
    return "\n".join(
        f"  @N@_SENSOR_{name.upper()} = {number},  // {comment(f'{sensor.name}, {sensor.unit}'.rstrip(', '))}"
        for number, (name, sensor) in enumerate(lines)
    )


def _defines(model: ModelFile, head: ScoringHead) -> Iterable[str]:
    spec, quantization = model.manifest.spec, model.manifest.quantization
    if quantization.input_scale:
        yield f"#define INPUT_SCALE {single(quantization.input_scale)}"
        yield f"#define INPUT_ZERO_POINT {quantization.input_zero_point}".replace(" -", " (-") + (
            ")" if quantization.input_zero_point < 0 else ""
        )
    yield from head_defines(head)
    if follows(spec):
        yield f"#define MEAN_RATE {double(spec.scoring.mean_rate)}"
        yield f"#define MEAN_CEILING {double(CEILING)}  // in scales"
        yield f"#define SCALE_RATE {double(spec.scoring.scale_rate)}"
        yield from [f"#define MODES {len(spec.modes)}"] if spec.modes else []
        yield f"#define MOSTLY_OVER {single(MOSTLY_OVER)}  // of an anomaly's height"
        yield f"#define GREATEST_HEIGHT {single(REMEMBERED)}  // in thresholds"
        yield f"#define VARIANCE_CLIP {double(CLIP)}  // for one reading"
        yield f"#define LARGEST_VARIANCE {double(LARGEST_VARIANCE)}"


def _constants(spec: DetectorSpec, head: ScoringHead, attribution: Attribution | None) -> Iterable[str]:
    preprocessing = spec.preprocessing
    yield "// Scaling: (reading - center) * gain."
    yield f"static const float center[@N@_SENSORS] = {{\n{floats(preprocessing.center)}\n}};"
    yield f"static const float gain[@N@_SENSORS] = {{\n{floats(gain(preprocessing.scale))}\n}};"
    if follows(spec):
        yield f"static const double trained_mean[@N@_SENSORS] = {{\n{doubles(preprocessing.center)}\n}};"
        yield f"static const double trained_scale[@N@_SENSORS] = {{\n{doubles(preprocessing.scale)}\n}};"
        if spec.modes:
            rows = ",\n".join(f"{{\n{floats(one)}\n}}" for one in spec.modes)
            yield f"static const float mode_means[MODES][@N@_SENSORS] = {{\n{rows}\n}};"
    yield from cycle.cycle_constants(spec)
    yield from feature_constants(preprocessing)
    yield from head_constants(head)
    yield from blame_constants(attribution)


def _head_includes(head: ScoringHead, attribution: Attribution | None) -> str:
    memory = "#include <string.h>\n" if _has_powers(head, attribution) else ""
    return memory + (PAIRS if isinstance(head, PackedHead) else "")


def _has_powers(head: ScoringHead, attribution: Attribution | None) -> bool:
    has_matrix = attribution is not None and (attribution.blame.ndim > 2 or attribution.gives_levels)
    return isinstance(head, PackedHead) or has_matrix


def _functions(
    model: ModelFile, head: ScoringHead, attribution: Attribution | None, widths: Mapping[str, int]
) -> Iterable[str]:
    spec = model.manifest.spec
    series = SERIES.replace("@moved@", MOVED if follows(spec) else "")
    yield series.replace("@reading@", MOVED_READING if follows(spec) else PLAIN_READING)
    yield from feature_code(spec.preprocessing)
    if spec.preprocessing.feature_scale:
        yield SCALED_INPUTS
    yield QUANTIZE if model.manifest.quantization.input_scale else FLOAT_INPUTS
    if _has_powers(head, attribution):
        yield POWER_OF_TWO
    yield from head_code(head, model.manifest.outputs, widths)


def _score_calls(spec: DetectorSpec) -> Iterable[str]:
    yield "  for (int s = 0; s < @N@_SENSORS; ++s) {"
    yield "    scale_readings(detector, s);"
    yield "    write_inputs(detector, s);"
    yield "  }"
    if spec.preprocessing.feature_scale:
        yield "  scale_inputs(detector->inputs);"
    if needs_network(spec.scoring.head):
        yield "  @n@_detector_net_inputs(detector, detector->net_inputs);"
        yield "  @n@_net_run(detector->net_inputs, &detector->outputs);"
    yield "  detector->score = distance(detector);"


def _update(spec: DetectorSpec) -> str:
    parts = [cycle.cycle_code(spec),
             templates.IS_ON.replace("@conditions@", "\n".join(_conditions(spec))) if spec.only_when else "",
             templates.MODE_OF if follows(spec) and spec.modes else "",
             templates.FOLLOW if follows(spec) else "", templates.UPDATE]  # fmt: skip
    text = "".join(parts).replace("@off@", templates.OFF if spec.only_when else "")
    taken = cycle.TAKEN if spec.cycles else "detector->last[s]"
    mean, find = (
        ("(double)mode[s]", "  const float *mode = mode_of(detector);\n") if spec.modes else ("trained_mean[s]", "")
    )
    text = text.replace("@mean@", mean).replace("@find_mode@", find)
    text = text.replace("@taken@", taken).replace("@taken_once@", f"({taken})" if spec.cycles else taken)
    return text.replace("@follow_call@", "  follow(detector);\n" if follows(spec) else "")


def _conditions(spec: DetectorSpec) -> Iterable[str]:
    names = spec.sensor_names
    for one in parse_condition(spec.only_when):
        value = f"reading[{names.index(one.sensor)}]"
        yield f"  if (isfinite({value}) && !({value} {one.operator} {single(one.number)})) return 0;"


def follows(spec: DetectorSpec) -> bool:
    """Return whether mean or scale follow the readings."""
    return bool(spec.scoring.mean_rate or spec.scoring.scale_rate)


def ram_bytes(model: ModelFile, widths: Mapping[str, int]) -> int:
    """Return the size of the detector's struct."""
    spec, value = model.manifest.spec, 1 if model.manifest.quantization.input_scale else 4
    values = spec.preprocessing.inputs + sum(widths.values()) if needs_network(spec.scoring.head) else 0
    score = head_ram_bytes(head_of(model)) + value * values
    return struct_bytes(spec.preprocessing, score, follows=follows(spec), has_time=bool(spec.cycles))


def struct_bytes(preprocessing: Preprocessing, score: int, *, follows: bool, has_time: bool = False) -> int:
    """Return the size of the detector's struct where pointers play no part in it and doubles are aligned to 8 bytes.

    Parameters
    ----------
    preprocessing : Preprocessing
    score : int
        Bytes that the network's inputs and outputs and the head need.
    follows, has_time : bool
        Whether the mean follows the readings, and whether the usual course of the day is taken away from them.
    """
    sensors, window, inputs = preprocessing.sensors, preprocessing.window, preprocessing.inputs
    cells = 13 + window * sensors + 2 * sensors + window + inputs
    cells += window // 2 + 1 if preprocessing.spectra else 0
    cells += sensors if has_time else 0
    return -(-(4 * cells + score + (16 * sensors + 4 if follows else 0)) // 8) * 8
