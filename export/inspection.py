"""The contents of any TFLite flatbuffer: ops with versions, tensors with scales, sizes, multiplications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from export import flatbuffer


@dataclass(frozen=True)
class OpRow:
    """One op of a graph; `macs` are its multiplications, for dense and convolution layers, at batch 1."""

    op: str
    version: int
    inputs: str
    output: str
    macs: int


@dataclass(frozen=True)
class TensorRow:
    """One tensor: `granularity` is ``tensor``, ``channel`` or empty, `scale` that of the first channel."""

    name: str
    shape: str
    type: str
    n_bytes: int
    granularity: str
    scale: float | None
    zero_point: int | None


@dataclass(frozen=True)
class Inspection:
    """The contents of a flatbuffer."""

    n_bytes: int
    description: str
    signatures: tuple[str, ...]
    ops: tuple[OpRow, ...]
    tensors: tuple[TensorRow, ...]

    @property
    def macs(self) -> int:
        """Multiplications per window."""
        return sum(op.macs for op in self.ops)


def inspect_flatbuffer(content: bytes) -> Inspection:
    """Read a flatbuffer.

    Raises
    ------
    ModelFileError
        If it is not a TFLite flatbuffer.
    """
    parsed = flatbuffer.parse(content)
    model = parsed.tree
    signatures = tuple(f"{one.signatureKey.decode()}({_names(one.inputs)}) -> {_names(one.outputs)}"
                       for one in model.signatureDefs or [])  # fmt: skip
    return Inspection(
        len(content),
        model.description.decode() if model.description else "",
        signatures,
        tuple(_op(parsed, graph, operator) for graph in model.subgraphs for operator in graph.operators),
        tuple(_tensor(model, tensor) for graph in model.subgraphs for tensor in graph.tensors),
    )


def _names(entries: Any) -> str:
    return ", ".join(entry.name.decode() for entry in entries)


def _op(parsed: flatbuffer.ParsedFlatbuffer, graph: Any, operator: Any) -> OpRow:
    code, name = parsed.tree.operatorCodes[operator.opcodeIndex], parsed.op_name(operator)
    types = [flatbuffer.type_name(graph.tensors[index]) for index in operator.inputs if index >= 0]
    outputs = [graph.tensors[index] for index in operator.outputs]
    return OpRow(
        name, int(code.version), ", ".join(types), ", ".join(flatbuffer.type_name(tensor) for tensor in outputs),
        _macs(name, graph, operator),
    )  # fmt: skip


def _macs(name: str, graph: Any, operator: Any) -> int:
    """Return the number of multiplications: weights times the positions at which they are used."""
    if name not in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"):
        return 0
    weights = int(np.prod(graph.tensors[operator.inputs[1]].shape))
    if name == "FULLY_CONNECTED":
        return weights
    return weights * int(np.prod(graph.tensors[operator.outputs[0]].shape[1:3]))


def _tensor(model: Any, tensor: Any) -> TensorRow:
    scale = flatbuffer.scale_of(tensor)
    granularity = ("channel" if len(tensor.quantization.scale) > 1 else "tensor") if scale else ""
    data = model.buffers[tensor.buffer].data
    shape = [] if tensor.shape is None else tensor.shape
    return TensorRow(
        tensor.name.decode() if tensor.name else "", "x".join(map(str, shape)),
        flatbuffer.type_name(tensor), 0 if data is None else len(data), granularity, *(scale or (None, None)),
    )  # fmt: skip
