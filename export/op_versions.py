"""The version of each op that its types need: the quantiser changes types, and leaves versions as they were.

A runtime refuses an op of a newer version than it knows. One that is stamped too old is opened and may be computed
wrongly: tflite-runtime 2.14 takes the scales per channel of a dynamic-range layer (version 12) for a single one.

References
----------
TensorFlow, tensorflow/lite/tools/versioning/op_version.cc. It has no rule for int16 activations with int8 weights
and a bias of 64 bits; such layers get version 7 here, in which its table has the first integer kernel for int16.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

from export.flatbuffer import ParsedFlatbuffer, type_name

_FIRST = 1


def set_op_versions(parsed: ParsedFlatbuffer) -> None:
    """Set every op to the version that its types need, or leave its own if that is higher.

    Float and integer layers of one graph then have versions of their own, as in files of TensorFlow's converter.
    """
    tree = parsed.tree
    codes: dict[tuple[int, int], int] = {}
    renewed: list[Any] = []
    for graph in tree.subgraphs:
        for operator in graph.operators:
            code = tree.operatorCodes[operator.opcodeIndex]
            version = max(code.version, _needed(parsed.op_name(operator), graph, operator))
            key = (operator.opcodeIndex, version)
            if key not in codes:
                codes[key] = len(renewed)
                renewed.append(copy(code))
                renewed[-1].version = version
            operator.opcodeIndex = codes[key]
    tree.operatorCodes = renewed


def _needed(name: str, graph: Any, operator: Any) -> int:
    rule = _RULES.get(name)
    return _FIRST if rule is None else rule(graph, operator)


def _fully_connected(graph: Any, operator: Any) -> int:
    taken, weights = (graph.tensors[index] for index in operator.inputs[:2])
    if type_name(taken) != "float32":
        return {"int8": 4, "int16": 7}.get(type_name(taken), _FIRST)
    if type_name(weights) != "int8":
        return _FIRST
    if len(weights.quantization.scale) > 1:
        return 12
    return 9 if operator.builtinOptions.asymmetricQuantizeInputs else 3


def _by_input(versions: Mapping[str, int]) -> Callable[[Any, Any], int]:
    return lambda graph, operator: versions.get(type_name(graph.tensors[operator.inputs[0]]), _FIRST)


def _quantize(graph: Any, operator: Any) -> int:
    return 2 if type_name(graph.tensors[operator.outputs[0]]) == "int16" else _FIRST


# The ops that the quantiser adds, or whose types it changes.
_RULES: Mapping[str, Callable[[Any, Any], int]] = {
    "DEQUANTIZE": _by_input({"int8": 2, "int16": 3, "float16": 3}),
    "FULLY_CONNECTED": _fully_connected,
    "LOGISTIC": _by_input({"int8": 2, "int16": 3}),
    "QUANTIZE": _quantize,
    "TANH": _by_input({"int8": 2, "int16": 3}),
}
