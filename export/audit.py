"""Checks on the bytes of a finished flatbuffer: what it must and must not hold."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.errors import ModelFileError
from export.flatbuffer import ParsedFlatbuffer
from export.targets import NETWORK, Target

_VARIABLE_OPS = {"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"}
_BYTES = {
    schema.TensorType.FLOAT32: 4, schema.TensorType.FLOAT16: 2, schema.TensorType.INT8: 1,
    schema.TensorType.INT16: 2, schema.TensorType.INT32: 4, schema.TensorType.INT64: 8,
}  # fmt: skip


def audit(parsed: ParsedFlatbuffer, target: Target, scheme: str) -> None:
    """Raise ModelFileError, listing every problem, unless the flatbuffer fits its target.

    Checks: one subgraph with one named signature; only ops and versions that the target supports; no
    variable, custom or training op; every dense layer's weights in the file; the rank of every tensor; and for
    network graphs a batch of 1 and the scheme's type at inputs and outputs.
    """
    if len(parsed.tree.subgraphs) != 1:
        raise ModelFileError(f"the finished graph has {len(parsed.tree.subgraphs)} subgraphs. Expected one.")
    problems = [*_signature(parsed), *_ops(parsed, target), *_weights(parsed), *_shapes(parsed, target)]
    if target.graph == NETWORK:
        problems += _ends(parsed, scheme)
    if problems:
        raise ModelFileError(
            f"the finished graph does not fit target {target.name}: {'; '.join(problems)}. "
            "Choose another target or scheme, or other activations."
        )


def _signature(parsed: ParsedFlatbuffer) -> list[str]:
    graph, signatures = parsed.subgraph, parsed.tree.signatureDefs or []
    if len(signatures) != 1 or not signatures[0].signatureKey:
        return [f"it has {len(signatures)} signatures (expected one with a name)"]
    pairs = ((signatures[0].inputs, graph.inputs), (signatures[0].outputs, graph.outputs))
    return [
        "its signature does not name its inputs and outputs"
        for entries, ends in pairs
        if sorted(entry.tensorIndex for entry in entries) != sorted(ends)
        or any(graph.tensors[entry.tensorIndex].name != entry.name for entry in entries)
    ]


def _ops(parsed: ParsedFlatbuffer, target: Target) -> list[str]:
    problems = []
    for op in parsed.ops:
        if op.name in _VARIABLE_OPS:
            problems.append(f"its weights are not in the file ({op.name})")
        elif op.name not in target.ops:
            problems.append(f"it holds {op.name}, which {target.name} does not run")
        elif op.version > target.ops[op.name]:
            problems.append(f"it holds {op.name} version {op.version} ({target.name} has {target.ops[op.name]})")
    return problems


def _weights(parsed: ParsedFlatbuffer) -> list[str]:
    graph = parsed.subgraph
    makers = {index: op for op in graph.operators for index in op.outputs}
    problems = []
    for operator in graph.operators:
        if parsed.op_name(operator) != "FULLY_CONNECTED":
            continue
        for index in (index for index in operator.inputs[1:] if index >= 0):
            # Float16 weights are widened by a DEQUANTIZE before their layer.
            tensor = graph.tensors[makers[index].inputs[0] if index in makers else index]
            data = parsed.tree.buffers[tensor.buffer].data
            wanted = int(np.prod(tensor.shape)) * _BYTES.get(tensor.type, 0)
            if data is None or len(data) != wanted:
                problems.append(f"the weights {tensor.name.decode()} are not in the file")
    return problems


def _shapes(parsed: ParsedFlatbuffer, target: Target) -> list[str]:
    return [
        f"tensor {tensor.name.decode()} has {len(tensor.shape)} dimensions (at most {target.max_rank})"
        for tensor in parsed.subgraph.tensors
        if tensor.shape is not None and len(tensor.shape) > target.max_rank
    ]


def _ends(parsed: ParsedFlatbuffer, scheme: str) -> list[str]:
    graph = parsed.subgraph
    wanted = schema.TensorType.INT8 if scheme == "int8" else schema.TensorType.FLOAT32
    problems = []
    for index in [*graph.inputs, *graph.outputs]:
        tensor = graph.tensors[index]
        name, signature = tensor.name.decode(), tensor.shapeSignature
        if tensor.shape[0] != 1 or (signature is not None and min(signature) < 0):
            problems.append(f"{name} has an open batch (expected 1)")
        if tensor.type != wanted:
            problems.append(f"{name} is not {'int8' if scheme == 'int8' else 'float32'}")
    return problems
