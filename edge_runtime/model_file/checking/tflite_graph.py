"""A flatbuffer verified as a TFLite graph: every offset, type, size, op and tensor number, before a runtime sees it.

tflite-runtime has no verifier, and a third of random changes of one byte crash it. Things that
no detector needs are refused too: several subgraphs, variables, sparse tensors, texts, ops that do not compute.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_runtime.model_file.checking.checked_ops import ARITIES, CUSTOM, DIVISORS, EDGETPU_OP, OPTION_VECTORS, Arity
from edge_runtime.model_file.checking.wire import VerifiedTable, Wire, damaged

_MOST_TENSORS = _MOST_OPS = 10_000
_MOST_DIMENSIONS = 8
_LARGEST_OPTION = 1 << 16
# TensorType of the schema to bytes a value; int4 is half a byte. No texts, resources, variants.
_BITS = {0: 32, 1: 16, 2: 32, 3: 8, 4: 64, 6: 8, 7: 16, 9: 8, 10: 64, 12: 64, 15: 32, 16: 16, 17: 4}
_LARGEST_ELEMENTS = 1 << 40
FLOAT32, INT8, UINT8 = 0, 9, 3
_SMALLEST_SCALE, _LARGEST_SCALE = 1e-20, 1e20


class GraphTensor(NamedTuple):
    """A tensor as the file declares it.

    Parameters
    ----------
    name : str
    shape : tuple of int
    kind : int
        TensorType of the TFLite schema.
    data : ndarray of uint8, or None
        The bytes of a constant.
    is_open : bool
        Whether a size, or the whole shape, is left to the runtime.
    """

    name: str
    shape: tuple[int, ...]
    kind: int
    data: npt.NDArray[np.uint8] | None
    is_open: bool = False

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def n_bytes(self) -> int:
        """Memory of them."""
        return -(-self.elements * _BITS[self.kind] // 8)


class GraphOp(NamedTuple):
    """One op; a tensor number of -1 is an input that is absent."""

    code: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class CheckedGraph(NamedTuple):
    """The contents of a verified flatbuffer."""

    tensors: tuple[GraphTensor, ...]
    ops: tuple[GraphOp, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def named(self, numbers: tuple[int, ...]) -> dict[str, GraphTensor]:
        """Return tensors by name."""
        return {self.tensors[number].name: self.tensors[number] for number in numbers}


def read_checked_graph(flatbuffer: bytes) -> CheckedGraph:
    """Verify a flatbuffer and return its contents.

    Raises
    ------
    ModelFileError
        With the first problem.
    """
    if flatbuffer[4:8] != b"TFL3":
        raise damaged("its identifier is not TFL3")
    model = Wire(flatbuffer).root()
    model.known_fields(8)
    if model.number(0, "I") != 3:
        raise damaged(f"it is of schema version {model.number(0, 'I')}, expected 3")
    model.text(3)
    buffers = [_buffer(table, flatbuffer) for table in model.tables(4, 2 * _MOST_TENSORS)]
    codes = [_op_code(table) for table in model.tables(1, _MOST_OPS)]
    subgraphs = model.tables(2, 1)
    if not subgraphs:
        raise damaged("it has no subgraph")
    graph = _subgraph(subgraphs[0], buffers, codes)
    _check_rest(model, len(buffers), len(graph.tensors))
    return graph


def _buffer(table: VerifiedTable, content: bytes) -> npt.NDArray[np.uint8]:
    table.known_fields(3)
    if table.number(1, "Q") > 1:
        raise damaged("a constant lies outside the flatbuffer, which only files over 256 MB need")
    start, length = table.extent(0)
    if length >= 4 and start % 4:
        raise damaged("a constant is not aligned")
    return np.frombuffer(content, np.uint8, length, start)


def _op_code(table: VerifiedTable) -> int:
    table.known_fields(4)
    # Old files keep small codes in the deprecated field only; the larger of the two is the real one.
    code = max(int(table.number(0, "b")), int(table.number(3, "i")))
    name = table.text(1)
    if code not in ARITIES or (code == CUSTOM and name != EDGETPU_OP):
        raise damaged(f"it holds the op {name or code}, which a detector may not hold")
    version = int(table.number(2, "i", 1))
    if not 1 <= version <= 1000:
        raise damaged(f"op {code} is of version {version}")
    return code


def _subgraph(table: VerifiedTable, buffers: list[npt.NDArray[np.uint8]], codes: list[int]) -> CheckedGraph:
    table.known_fields(6)
    table.text(4)
    tensors = tuple(_tensor(one, buffers) for one in table.tables(0, _MOST_TENSORS))
    inputs, outputs = (_numbers(table, field, len(tensors)) for field in (1, 2))
    if not inputs or not outputs or len(set(outputs)) != len(outputs) or len(set(inputs)) != len(inputs):
        raise damaged(f"it takes {len(inputs)} tensors and gives {len(outputs)}")
    ops = tuple(_op(one, codes, len(tensors)) for one in table.tables(3, _MOST_OPS))
    graph = CheckedGraph(tensors, ops, inputs, outputs)
    _check_order(graph)
    return graph


def _check_order(graph: CheckedGraph) -> None:
    """Check that every tensor is computed before it is used, and only once."""
    there = {number for number, tensor in enumerate(graph.tensors) if tensor.data is not None}
    if there & set(graph.inputs):
        raise damaged("an input is a constant")
    there |= {-1, *graph.inputs}
    for op in graph.ops:
        if not there.issuperset(op.inputs) or not there.isdisjoint(op.outputs):
            raise damaged(f"op {ARITIES[op.code].name} uses a tensor that is not computed yet, or computes one twice")
        there.update(op.outputs)
    if not there.issuperset(graph.outputs):
        raise damaged("an output is never computed")


def _tensor(table: VerifiedTable, buffers: list[npt.NDArray[np.uint8]]) -> GraphTensor:
    table.known_fields(9)
    name, kind, shape = table.text(3), int(table.number(1, "b")), _shape(table, 0)
    if kind not in _BITS or table.number(5, "b") or table.has(6):
        raise damaged(f"tensor {name!r:.80} is of type {kind}, a variable, or sparse")
    signature = _shape(table, 7, lowest=-1)
    number = int(table.number(2, "I"))
    if number >= len(buffers) or math.prod(shape) > _LARGEST_ELEMENTS:
        raise damaged(f"tensor {name!r:.80} has buffer {number}, shape {shape!r:.80}")
    data = buffers[number] if len(buffers[number]) else None
    tensor = GraphTensor(name, shape, kind, data, is_open=-1 in signature or not shape)
    if data is not None and len(data) != tensor.n_bytes:
        raise damaged(f"tensor {name!r:.80} of shape {shape!r:.80} has {len(data)} bytes")
    _check_quantization(table.table(4), tensor)
    return tensor


def _shape(table: VerifiedTable, field: int, lowest: int = 0) -> tuple[int, ...]:
    shape = tuple(table.numbers(field, "i", _MOST_DIMENSIONS).tolist())
    if min(shape, default=0) < lowest:
        raise damaged(f"a tensor has the shape {shape!r:.80}")
    return shape


def _check_quantization(table: VerifiedTable | None, tensor: GraphTensor) -> None:
    if table is None:
        return
    table.known_fields(7)
    extremes = [table.numbers(field, "f") for field in (0, 1)]
    scales, zero_points = table.numbers(2, "f"), table.numbers(3, "q")
    axis = int(table.number(6, "i"))
    sane = (
        not table.number(4, "B")
        and not table.has(5)
        and len(zero_points) in (len(scales), 0)
        # LiteRT's XNNPACK crashes on a scale that is subnormal.
        and bool((np.isfinite(scales) & (scales >= _SMALLEST_SCALE) & (scales <= _LARGEST_SCALE)).all())
        and bool(((zero_points >= -_most_zero(tensor.kind) - 1) & (zero_points <= _most_zero(tensor.kind))).all())
        and all(len(extreme) <= max(1, len(scales), math.prod(tensor.shape)) for extreme in extremes)
        # There must be as many channels as scales, or a trusting runtime reads beyond their end.
        and (len(scales) <= 1 or (0 <= axis < len(tensor.shape) and tensor.shape[axis] == len(scales)))
    )
    if not sane:
        raise damaged(f"tensor {tensor.name!r:.80} has an invalid quantisation")


def _most_zero(kind: int) -> int:
    """Return the highest zero point of a type; the lowest is one farther from zero."""
    return {INT8: 127, UINT8: 255, 17: 7}.get(kind, 32767)


def _op(table: VerifiedTable, codes: list[int], n_tensors: int) -> GraphOp:
    table.known_fields(9)
    index = int(table.number(0, "I"))
    if index >= len(codes):
        raise damaged(f"an op has the code {index} of {len(codes)}")
    code = codes[index]
    arity, inputs, outputs = ARITIES[code], _numbers(table, 1, n_tensors, lowest=-1), _numbers(table, 2, n_tensors)
    _check_arity(arity, inputs, outputs)
    _check_options(table, code)
    table.extent(5)
    table.extent(7)
    _numbers(table, 8, n_tensors)
    return GraphOp(code, inputs, outputs)


def _check_arity(arity: Arity, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
    absent = {place for place, number in enumerate(inputs) if number < 0}
    fits = (
        arity.fewest <= len(inputs) <= arity.most
        and (len(outputs) == arity.outputs if arity.outputs else 1 <= len(outputs) <= arity.most)
        and absent <= set(arity.optional)
        and len(set(outputs)) == len(outputs)
    )
    if not fits:
        raise damaged(f"op {arity.name} takes the tensors {inputs!r:.80} and gives {outputs!r:.80}")


def _check_options(table: VerifiedTable, code: int) -> None:
    options = table.table(4)
    if bool(table.number(3, "B")) != (options is not None):
        raise damaged(f"op {ARITIES[code].name} has options of no type, or a type without options")
    if options is not None:
        options.scalars_only()
        if code in OPTION_VECTORS:
            options.numbers(*OPTION_VECTORS[code], most=_MOST_DIMENSIONS)
    for field in DIVISORS.get(code, ()):
        value = 0 if options is None else int(options.number(field, "i"))
        if not 1 <= value <= _LARGEST_OPTION:
            raise damaged(f"op {ARITIES[code].name} has a stride or block of {value}")


def _numbers(table: VerifiedTable, field: int, n_tensors: int, lowest: int = 0) -> tuple[int, ...]:
    numbers = tuple(table.numbers(field, "i", _MOST_TENSORS).tolist())
    if numbers and not lowest <= min(numbers) <= max(numbers) < n_tensors:
        raise damaged(f"it names the tensors {numbers!r:.80} of {n_tensors}")
    return numbers


def _check_rest(model: VerifiedTable, n_buffers: int, n_tensors: int) -> None:
    """Check metadata and signatures, which do not affect the computation but are read by runtimes."""
    numbers = list(model.numbers(5, "i", _MOST_TENSORS))
    for metadata in model.tables(6, _MOST_TENSORS):
        metadata.known_fields(2)
        metadata.text(0)
        numbers.append(metadata.number(1, "I"))
    if any(not 0 <= number < n_buffers for number in numbers):
        raise damaged("its metadata refer to a missing buffer")
    for signature in model.tables(7, _MOST_DIMENSIONS):
        signature.known_fields(5)
        signature.text(2)
        ends = [end for field in (0, 1) for end in signature.tables(field, _MOST_TENSORS)]
        for end in ends:
            end.text(0)
        if signature.number(4, "I") or any(not 0 <= end.number(1, "I") < n_tensors for end in ends):
            raise damaged("a signature refers to a missing tensor")
