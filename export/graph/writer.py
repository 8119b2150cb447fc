"""A TFLite graph under construction, written straight into the schema.

Every op that is written here computes on floats and is of the version that the oldest runtimes have; what quantising
changes, `export.op_versions` adds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.arrays import FloatArray
from export.flatbuffer import serialize

Shape = tuple[int, ...]
SIGNATURE = "serving_default"
_SCHEMA_VERSION = 3
_ABSENT = -1
_TYPES = {
    "bool": schema.TensorType.BOOL,
    "float16": schema.TensorType.FLOAT16,
    "float32": schema.TensorType.FLOAT32,
    "int32": schema.TensorType.INT32,
}
# Of ops whose first version knows other types than those written here.
_VERSIONS = {"DEQUANTIZE": 3}
# Codes from here on do not fit the schema's first field for them.
_PLACEHOLDER = int(schema.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES)


@dataclass(frozen=True, eq=False)
class GraphTensor:
    """A value in a graph.

    Parameters
    ----------
    graph : GraphWriter
    number : int
    shape : tuple of int
        For a batch of 1.
    is_open : bool
        Whether the first dimension grows with the batch.
    """

    graph: GraphWriter
    number: int
    shape: Shape
    is_open: bool


@dataclass(frozen=True)
class Named:
    """A constant with a name of its own: it shares its bytes with no other."""

    name: str
    values: FloatArray


class GraphWriter:
    """Collects tensors and ops; `write` gives the flatbuffer.

    >>> from edge_runtime.inference.numpy_executor import Interpreter
    >>> from export.graph import ops
    >>> graph = GraphWriter()
    >>> x = graph.input("x", (2,))
    >>> content = graph.write({"y": ops.multiply(x, np.float32([2, 3]))})
    >>> interpreter = Interpreter(content)
    >>> interpreter.allocate_tensors()
    >>> interpreter.set_tensor(0, np.ones((1, 2), np.float32))
    >>> interpreter.invoke()
    >>> interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tolist()
    [[2.0, 3.0]]
    """

    def __init__(self) -> None:
        self._tensors: list[Any] = []
        self._buffers: list[Any] = [schema.BufferT()]  # the first stands for "none"
        self._operators: list[Any] = []
        self._codes: dict[str, int] = {}
        self._inputs: dict[str, GraphTensor] = {}
        self._constants: dict[object, GraphTensor] = {}
        self._names: Counter[str] = Counter()
        self._scope = ""

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Put a name before those of the ops in this block; quantising chooses ops by it."""
        before, self._scope = self._scope, f"{name}/"
        yield
        self._scope = before

    def input(self, name: str, shape: Shape, batch: int | None = None) -> GraphTensor:
        """Return a new float32 input.

        Parameters
        ----------
        shape : tuple of int
            Without the batch.
        batch : int, optional
            By default it is left open.
        """
        self._inputs[name] = self._tensor(name, (batch or 1, *shape), "float32", is_open=batch is None)
        return self._inputs[name]

    def constant(self, values: npt.NDArray[np.generic], name: str = "") -> GraphTensor:
        """Return a constant of float32, float16 or int32; without a name it may be shared with others of its values."""
        key = name or (values.dtype.name, values.shape, values.tobytes())
        if key not in self._constants:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            self._buffers.append(buffer)
            title = name or self._unique("constant")
            self._constants[key] = self._tensor(title, values.shape, values.dtype.name, buffer=len(self._buffers) - 1)
        return self._constants[key]

    def op(  # noqa: PLR0913 - what the schema says of an op
        self,
        kind: str,
        inputs: Sequence[GraphTensor | None],
        shape: Shape,
        dtype: str = "float32",
        options: Any = None,
        unread: Sequence[str] = (),
    ) -> GraphTensor:
        """Append an op and return its output.

        Parameters
        ----------
        kind : str
            Its name in the schema's ``BuiltinOperator``.
        inputs : sequence of GraphTensor
            None stands for an optional one that is left out.
        shape : tuple of int
            Of the output, for a batch of 1.
        dtype : str
        options : object, optional
            An ``…OptionsT`` of the schema.
        unread : sequence of str
            Types of further outputs, of the same shape, that nothing reads.
        """
        is_open = any(tensor.is_open for tensor in inputs if tensor)
        outputs = [self._tensor(self._unique(kind.lower()), shape, one, is_open=is_open) for one in (dtype, *unread)]
        operator = schema.OperatorT()
        operator.opcodeIndex = self._codes.setdefault(kind, len(self._codes))
        operator.inputs, operator.outputs = _numbers(inputs), _numbers(outputs)
        if options is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
            operator.builtinOptions = options
        self._operators.append(operator)
        return outputs[0]

    def write(self, outputs: Mapping[str, GraphTensor]) -> bytes:
        """Return the flatbuffer, in which these outputs have these names, as tensors and in the signature."""
        for name, tensor in outputs.items():
            self._tensors[tensor.number].name = name
        graph, model = schema.SubGraphT(), schema.ModelT()
        graph.name, graph.tensors, graph.operators = "main", self._tensors, self._operators
        graph.inputs, graph.outputs = _numbers(self._inputs.values()), _numbers(outputs.values())
        model.version, model.description, model.subgraphs = _SCHEMA_VERSION, "saelite", [graph]
        model.buffers, model.operatorCodes = self._buffers, [_operator_code(kind) for kind in self._codes]
        model.signatureDefs = [_signature(self._inputs, outputs)]
        return serialize(model)

    def _tensor(self, name: str, shape: Shape, dtype: str, *, is_open: bool = False, buffer: int = 0) -> GraphTensor:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), _TYPES[dtype], buffer
        if is_open:
            tensor.shapeSignature = [-1, *shape[1:]]
        self._tensors.append(tensor)
        return GraphTensor(self, len(self._tensors) - 1, shape, is_open)

    def _unique(self, name: str) -> str:
        scoped = f"{self._scope}{name}"
        self._names[scoped] += 1
        return scoped if self._names[scoped] == 1 else f"{scoped}_{self._names[scoped]}"


def _numbers(tensors: Iterable[GraphTensor | None]) -> list[int]:
    return [_ABSENT if tensor is None else tensor.number for tensor in tensors]


def _operator_code(kind: str) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    code.deprecatedBuiltinCode = min(code.builtinCode, _PLACEHOLDER)
    code.version = _VERSIONS.get(kind, 1)
    return code


def _signature(inputs: Mapping[str, GraphTensor], outputs: Mapping[str, GraphTensor]) -> Any:
    signature = schema.SignatureDefT()
    signature.signatureKey = SIGNATURE
    signature.inputs, signature.outputs = ([_entry(*one) for one in ends.items()] for ends in (inputs, outputs))
    return signature


def _entry(name: str, tensor: GraphTensor) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, tensor.number
    return entry
