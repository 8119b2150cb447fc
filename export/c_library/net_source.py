"""``NAME_net.h`` and ``NAME_net.c``: the network alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edge_runtime.inference.numpy_executor.fixed_point import Rounding
from edge_runtime.model_file.manifest import QuantizedTensor
from export.c_library.c_text import double, fill, floats, identifier, integers, single
from export.c_library.net_templates import FLOAT_FUNCTION_C, FLOAT_LAYER, INT8_LAYER, LOOKUP, NET_C, NET_H, RESCALED
from export.c_library.network import Dense, FloatDense, FloatFunction, Lookup, Program, Step

_C_NAMES = {"TANH": "tanhf"}


def net_header(fields: Mapping[str, Any], widths: Mapping[str, int], outputs: Iterable[QuantizedTensor]) -> str:
    """Return ``NAME_net.h``.

    Parameters
    ----------
    fields : mapping
        What all of the library's files have in common, see `library`.
    widths : mapping of str to int
        Number of values of each output.
    outputs : iterable of QuantizedTensor
        As in the manifest.
    """
    named = [(identifier(one.name), one) for one in outputs]
    members = [f"  {fields['type']} {name}[@N@_NET_{name.upper()}];  // {_meaning(one)}" for name, one in named]
    sizes = [f"#define @N@_NET_{identifier(name).upper()} {width}" for name, width in widths.items()]
    text = NET_H.replace("@sizes@", "\n".join(sizes)).replace("@members@", "\n".join(members))
    return fill(text, fields)


def _meaning(output: QuantizedTensor) -> str:
    if not output.scale:
        return "as they are"
    return f"value = ({identifier(output.name)} - {output.zero_point}) * {double(output.scale)}".replace("- -", "+ ")


def net_source(fields: Mapping[str, Any], program: Program, rounding: Rounding) -> str:
    """Return ``NAME_net.c``."""
    places = _places(program)
    constants, calls = [], []
    shared: dict[bytes, str] = {}
    for number, step in enumerate(program.steps, start=1):
        if isinstance(step, Dense):
            constants.append(_int8_layer(number, step, rounding, program))
        elif isinstance(step, FloatDense):
            constants.append(_float_layer(number, step))
        elif isinstance(step, Lookup) and step.table.tobytes() not in shared:
            shared[step.table.tobytes()] = f"table_{number}"
            constants.append(f"static const int8_t table_{number}[256] = {{\n{integers(step.table)}\n}};")
        calls.append(_call(number, step, program, places, shared))
    return fill(NET_C, {**fields, "functions": "\n\n".join(_functions(program, rounding)),
                        "constants": "\n\n".join(constants), "buffers": "".join(_buffers(program, places, fields)),
                        "calls": "\n".join(calls)})  # fmt: skip


def _places(program: Program) -> dict[int, str]:
    """Return where each tensor is kept; an activation works in place if nothing else reads its input."""
    readers: dict[int, list[Step]] = {}
    for step in program.steps:
        readers.setdefault(step.source, []).append(step)
    places = {
        program.source: "inputs",
        **{number: f"outputs->{identifier(name)}" for number, name in program.ends.items()},
    }
    for step in reversed(program.steps):
        in_place = isinstance(step, Lookup | FloatFunction) and len(readers[step.source]) == 1
        if in_place and step.source not in places:
            places[step.source] = places.setdefault(step.target, f"layer_{step.target}")
    count = 0
    for step in program.steps:
        if step.target not in places or places[step.target].startswith("layer_"):
            kept = places.get(step.target)
            count += 1
            same = [number for number, place in places.items() if kept is not None and place == kept]
            places.update(dict.fromkeys([step.target, *same], f"hidden_{count}"))
    return places


def _buffers(program: Program, places: Mapping[int, str], fields: Mapping[str, Any]) -> Iterable[str]:
    sizes: dict[str, int] = {}
    for number, place in places.items():
        if place != "inputs" and "->" not in place:
            sizes[place] = max(sizes.get(place, 0), program.widths[number])
    return [f"  {fields['type']} {place}[{size}];\n" for place, size in sizes.items()]


def _int8_layer(number: int, layer: Dense, rounding: Rounding, program: Program) -> str:
    scaling = {"multiplier": layer.multiplier}
    if rounding is Rounding.ONCE:
        scaling["shift"] = 31 - layer.left + layer.right
    else:
        scaling |= {"left": layer.left} if _shifts_left(program) else {}
        scaling["right"] = layer.right
    units, inputs = layer.weights.shape
    numbers = [inputs, units, f"weights_{number}", f"bias_{number}", *scaling.values(), layer.zero_point, layer.low,
               layer.high]  # fmt: skip
    return fill(INT8_LAYER, {"k": number, "inputs": inputs, "units": units, "weights": integers(layer.weights),
                             "bias": integers(layer.bias), "numbers": ", ".join(map(str, numbers))})  # fmt: skip


def _float_layer(number: int, layer: FloatDense) -> str:
    units, inputs = layer.weights.shape
    low, high = ("-INFINITY" if limit == -float("inf") else "INFINITY" if limit == float("inf") else single(limit)
                 for limit in (layer.low, layer.high))  # fmt: skip
    return fill(FLOAT_LAYER, {"k": number, "inputs": inputs, "units": units, "weights": floats(layer.weights),
                              "bias": floats(layer.bias), "low": low, "high": high})  # fmt: skip


def _call(number: int, step: Step, program: Program, places: Mapping[int, str], shared: Mapping[bytes, str]) -> str:
    source, target, width = places[step.source], places[step.target], program.widths[step.target]
    if isinstance(step, Lookup):
        return f"  look_up({shared[step.table.tobytes()]}, {width}, {source}, {target});"
    if isinstance(step, FloatFunction):
        function = _C_NAMES.get(step.name, step.name.lower())
        return f"  for (int i = 0; i < {width}; ++i) {target}[i] = {function}({source}[i]);"
    return f"  dense(&layer_{number}, {source}, {target});"


def _functions(program: Program, rounding: Rounding) -> Iterable[str]:
    """Return the C functions and types that the program needs."""
    if not program.is_int8:
        yield FLOAT_FUNCTION_C["dense"]
        names = {step.name for step in program.steps if isinstance(step, FloatFunction)}
        yield from (FLOAT_FUNCTION_C[name] for name in sorted(names & set(FLOAT_FUNCTION_C)))
        return
    variant = "once" if rounding is Rounding.ONCE else "twice, left" if _shifts_left(program) else "twice"
    yield RESCALED[variant]
    if any(isinstance(step, Lookup) for step in program.steps):
        yield LOOKUP


def _shifts_left(program: Program) -> bool:
    return any(step.left for step in program.steps if isinstance(step, Dense))
