"""Reading a TFLite flatbuffer: ops, tensors, names."""

from __future__ import annotations

from collections import Counter
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.errors import ModelFileError
from edge_runtime.model_file.manifest import Op, QuantizedTensor

_OP_NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
_TYPE_NAMES = {value: name.lower() for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
_FILE_IDENTIFIER = b"TFL3"


def parse(flatbuffer: bytes) -> Any:
    """Return the flatbuffer as the schema's object tree.

    Raises
    ------
    ModelFileError
        If it is not a TFLite flatbuffer.
    """
    try:
        return _with_buffers_inside(schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer, 0)), flatbuffer)
    except Exception as error:  # the generated reader raises arbitrary errors on random bytes
        raise ModelFileError(
            f"not a readable TFLite flatbuffer, it is truncated or damaged ({type(error).__name__}: {error}). "
            "Copy or export the file again."
        ) from error


def _with_buffers_inside(model: Any, content: bytes) -> Any:
    """Return the tree with the buffers after the flatbuffer read into it: their offsets change with its size.

    The quantiser puts large constants there; ``offset`` counts from the file's first byte.
    """
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def serialize(model: Any) -> bytes:
    """Return an object tree as bytes."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=_FILE_IDENTIFIER)
    return bytes(builder.Output())


def ops(flatbuffer: bytes) -> tuple[Op, ...]:
    """Return the kinds of op in a flatbuffer with versions and counts."""
    model = parse(flatbuffer)
    counts = Counter(operator.opcodeIndex for graph in model.subgraphs for operator in graph.operators)
    return tuple(
        Op(op_name(model.operatorCodes[code]), int(model.operatorCodes[code].version), count)
        for code, count in sorted(counts.items())
    )


def op_name(code: Any) -> str:
    """Return the name of an operator code; custom ops by their own name."""
    # Old files keep small codes in the deprecated field only; the larger of the two is the real one.
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    name = _OP_NAMES.get(builtin, f"BUILTIN_{builtin}")
    return f"CUSTOM:{code.customCode.decode()}" if name == "CUSTOM" else name


def name_tensors(flatbuffer: bytes, float_graph: bytes) -> bytes:
    """Return the flatbuffer with its inputs and outputs named as in the float graph's signature.

    Any host then finds ``window``, ``codes``, ``score`` and ``contributions`` by name, with or without
    support for signatures. The quantiser keeps the order of inputs and outputs, but its signature points to tensors
    that are no longer outputs; this is corrected too.
    """
    original, model = parse(float_graph), parse(flatbuffer)
    (signature,), (before,) = original.signatureDefs, original.subgraphs
    (renewed,), (graph,) = model.signatureDefs, model.subgraphs
    for entries, old, new in (
        (renewed.inputs, before.inputs, graph.inputs),
        (renewed.outputs, before.outputs, graph.outputs),
    ):
        place = {entry.name: list(old).index(entry.tensorIndex) for entry in [*signature.inputs, *signature.outputs]
                 if entry.tensorIndex in old}  # fmt: skip
        for entry in entries:
            entry.tensorIndex = int(new[place[entry.name]])
            graph.tensors[entry.tensorIndex].name = entry.name
    return serialize(model)


def signature_inputs(flatbuffer: bytes) -> list[str]:
    """Return the names of the inputs in the signature."""
    (signature,) = parse(flatbuffer).signatureDefs
    return [entry.name.decode() for entry in signature.inputs]


def sole_inputs_of(flatbuffer: bytes, name: str) -> list[str]:
    """Return the names of the tensors that feed only ops called `name`."""
    model = parse(flatbuffer)
    names = []
    for graph in model.subgraphs:
        uses = Counter([*(index for op in graph.operators for index in op.inputs), *graph.outputs])
        names += [
            graph.tensors[operator.inputs[0]].name.decode()
            for operator in graph.operators
            if op_name(model.operatorCodes[operator.opcodeIndex]) == name and uses[operator.inputs[0]] == 1
        ]
    return names


def quantized_input(flatbuffer: bytes) -> tuple[float, int] | None:
    """Return scale and zero point of the network's quantised input; None if it takes float32."""
    model = parse(flatbuffer)
    (graph, *_) = model.subgraphs
    entry = scale_of(graph.tensors[graph.inputs[0]])
    if entry is not None:
        return entry
    for operator in graph.operators:
        if op_name(model.operatorCodes[operator.opcodeIndex]) == "QUANTIZE":
            return scale_of(graph.tensors[operator.outputs[0]])
    return None


def network_outputs(flatbuffer: bytes) -> tuple[QuantizedTensor, ...]:
    """Return name, scale and zero point of every output."""
    (graph, *_) = parse(flatbuffer).subgraphs
    tensors = [graph.tensors[index] for index in graph.outputs]
    return tuple(QuantizedTensor(tensor.name.decode(), *(scale_of(tensor) or ())) for tensor in tensors)


def scale_of(tensor: Any) -> tuple[float, int] | None:
    """Return scale and zero point of a tensor, of its first channel if it has several; None if it has none."""
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return None
    return float(quantization.scale[0]), int(quantization.zeroPoint[0])


def type_name(tensor: Any) -> str:
    """Return the name of a tensor's type, such as ``int8``."""
    return str(_TYPE_NAMES.get(tensor.type, "?"))
