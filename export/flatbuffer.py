"""Reading a TFLite flatbuffer as it stands, once: ops, tensors, names."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.errors import ModelFileError
from edge_runtime.model_file.manifest import Op, QuantizedTensor

_OP_NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
_TYPE_NAMES = {value: name.lower() for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
_FILE_IDENTIFIER = b"TFL3"


@dataclass(frozen=True)
class ParsedFlatbuffer:
    """A flatbuffer and what is in it.

    Parameters
    ----------
    content : bytes
    tree : ModelT
        The schema's object tree; read it, and change it only to serialise it as another flatbuffer.
    """

    content: bytes
    tree: Any

    @property
    def subgraph(self) -> Any:
        """The first subgraph; our own files have no other."""
        return self.tree.subgraphs[0]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the bytes, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def ops(self) -> tuple[Op, ...]:
        """The kinds of op with their versions and how often each stands in the flatbuffer."""
        counts = Counter(operator.opcodeIndex for graph in self.tree.subgraphs for operator in graph.operators)
        codes = self.tree.operatorCodes
        return tuple(Op(_code_name(codes[code]), int(codes[code].version), n) for code, n in sorted(counts.items()))

    @property
    def signature_inputs(self) -> list[str]:
        """Names of the inputs in the only signature."""
        (signature,) = self.tree.signatureDefs
        return [entry.name.decode() for entry in signature.inputs]

    @property
    def quantized_input(self) -> tuple[float, int] | None:
        """Scale and zero point of the network's quantised input; None if it takes float32."""
        graph = self.subgraph
        entry = scale_of(graph.tensors[graph.inputs[0]])
        if entry is not None:
            return entry
        for operator in graph.operators:
            if self.op_name(operator) == "QUANTIZE":
                return scale_of(graph.tensors[operator.outputs[0]])
        return None

    @property
    def outputs(self) -> tuple[QuantizedTensor, ...]:
        """Name, scale and zero point of every output."""
        tensors = [self.subgraph.tensors[index] for index in self.subgraph.outputs]
        return tuple(QuantizedTensor(tensor.name.decode(), *(scale_of(tensor) or ())) for tensor in tensors)

    @property
    def output_widths(self) -> list[int]:
        """Number of values of every output, in the same order."""
        return [int(np.prod(self.subgraph.tensors[index].shape)) for index in self.subgraph.outputs]

    @property
    def ends(self) -> list[tuple[Any, ...]]:
        """Name, shape, scale and zero point of every input and output: what a host needs to know."""
        graph = self.subgraph
        tensors = [graph.tensors[index] for index in [*graph.inputs, *graph.outputs]]
        return [(one.name.decode(), list(map(int, one.shape)), *(scale_of(one) or ())) for one in tensors]

    def op_name(self, operator: Any) -> str:
        """Return the name of an operator's op; custom ops by their own name."""
        return _code_name(self.tree.operatorCodes[operator.opcodeIndex])

    def sole_inputs_of(self, name: str) -> list[str]:
        """Return the names of the tensors that feed only ops called `name`."""
        names = []
        for graph in self.tree.subgraphs:
            uses = Counter([*(index for op in graph.operators for index in op.inputs), *graph.outputs])
            names += [
                graph.tensors[operator.inputs[0]].name.decode()
                for operator in graph.operators
                if self.op_name(operator) == name and uses[operator.inputs[0]] == 1
            ]
        return names


def parse(flatbuffer: bytes) -> ParsedFlatbuffer:
    """Return the flatbuffer with its object tree.

    Raises
    ------
    ModelFileError
        If it is not a TFLite flatbuffer.
    """
    try:
        tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer, 0))
        return ParsedFlatbuffer(flatbuffer, _with_buffers_inside(tree, flatbuffer))
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


def _code_name(code: Any) -> str:
    # Old files keep small codes in the deprecated field only; the larger of the two is the real one.
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    name = _OP_NAMES.get(builtin, f"BUILTIN_{builtin}")
    return f"CUSTOM:{code.customCode.decode()}" if name == "CUSTOM" else name


def changed(flatbuffer: bytes, *changes: Callable[[ParsedFlatbuffer], None]) -> ParsedFlatbuffer:
    """Return the flatbuffer after changes to its object tree.

    Raises
    ------
    ModelFileError
        See `parse`.
    """
    parsed = parse(flatbuffer)
    for change in changes:
        change(parsed)
    # Read again: what is audited and described is what the bytes say.
    return parse(serialize(parsed.tree))


def name_outputs(parsed: ParsedFlatbuffer) -> None:
    """Name the outputs as in the signature.

    The quantiser keeps the order of both, but turns outputs back to float in new tensors of other names. Any host
    finds ``codes``, ``score`` and ``contributions`` by name, with or without support for signatures.
    """
    tree = parsed.tree
    (signature,), (graph,) = tree.signatureDefs, tree.subgraphs
    for entry, number in zip(signature.outputs, graph.outputs, strict=True):
        entry.tensorIndex = int(number)
    names = {entry.tensorIndex: entry.name for entry in signature.outputs}
    for number, tensor in enumerate(graph.tensors):
        if number not in names and tensor.name in names.values():
            tensor.name += b"_quantized"
        tensor.name = names.get(number, tensor.name)


def scale_of(tensor: Any) -> tuple[float, int] | None:
    """Return scale and zero point of a tensor, of its first channel if it has several; None if it has none."""
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return None
    zero_points = quantization.zeroPoint
    # A file may leave zero points out where all are zero.
    return float(quantization.scale[0]), int(zero_points[0]) if zero_points is not None and len(zero_points) else 0


def type_name(tensor: Any) -> str:
    """Return the name of a tensor's type, such as ``int8``."""
    return str(_TYPE_NAMES.get(tensor.type, "?"))
