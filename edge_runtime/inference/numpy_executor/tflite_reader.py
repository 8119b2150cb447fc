"""A TFLite graph as frozen dataclasses: tensors, constants, operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import IntArray
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.numpy_executor.fixed_point import Array, Rounding
from edge_runtime.model_file.checking.wire import MOST_TABLES, VerifiedTable, Wire

_INT4 = 17
# TensorType of the TFLite schema; int4 constants are unpacked to int8.
_DTYPES: dict[int, type[Any]] = {
    0: np.float32,
    1: np.float16,
    2: np.int32,
    3: np.uint8,
    4: np.int64,
    6: np.bool_,
    7: np.int16,
    9: np.int8,
    10: np.float64,
    _INT4: np.int8,
}
_MAX_DIMENSIONS = 8
_MAX_ELEMENTS = 1 << 28
_CUSTOM = 32


@dataclass(frozen=True)
class Tensor:
    """A tensor as the file declares it.

    Parameters
    ----------
    name : str
    shape : tuple of int
        With 1 where the batch size is open.
    dtype : numpy dtype
    scales, zero_points : ndarray of shape (0,), (1,) or (channels,), float32 and int64
        ``(q - zero_point) * scale`` is the value; empty where the tensor is not quantised.
    channel_axis : int
        Axis that the scales run along, where there are several.
    data : ndarray or None
        Its value where it is a constant.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scales: npt.NDArray[np.float32]
    zero_points: IntArray
    channel_axis: int
    data: Array | None

    @property
    def scale(self) -> np.float32:
        """Scale of a tensor quantised as a whole."""
        if len(self.scales) != 1:
            raise ModelFileError(f"tensor {self.name!r}: expected one scale. Received: {len(self.scales)}.")
        return np.float32(self.scales[0])

    @property
    def zero_point(self) -> int:
        """Zero point of a tensor quantised as a whole."""
        return int(self.zero_points[0])


@dataclass(frozen=True)
class Operator:
    """One op.

    Parameters
    ----------
    code : int
        BuiltinOperator of the TFLite schema.
    inputs : tuple of int
        Tensor numbers; -1 stands for an optional input that is absent.
    output : int
        The first; the others, such as the indices of TOPK_V2, are not computed.
    options : VerifiedTable or None
        Its builtin options.
    """

    code: int
    inputs: tuple[int, ...]
    output: int
    options: VerifiedTable | None

    def option(self, field: int, kind: str) -> int:
        """Return an integer option, 0 where it is not given."""
        return int(self.options.number(field, kind)) if self.options else 0


@dataclass(frozen=True)
class Graph:
    """The file's first subgraph, and how its dense layers round."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    dense_rounding: Rounding


def read_graph(content: bytes, dense_rounding: Rounding) -> Graph:
    """Parse a flatbuffer.

    Raises
    ------
    ModelFileError
        If any offset, type, size or tensor number does not fit.
    """
    wire = Wire(content)
    model = wire.root()
    subgraphs = _tables(model, 2)
    if not subgraphs:
        raise ModelFileError("the graph is damaged: it has no subgraph. Copy or export the file again.")
    buffers, codes = (
        [_buffer(table, wire) for table in _tables(model, 4)],
        [_builtin(code) for code in _tables(model, 1)],
    )
    tensors = tuple(_tensor(table, buffers) for table in _tables(subgraphs[0], 0))
    operators = tuple(_operator(table, codes, len(tensors)) for table in _tables(subgraphs[0], 3))
    inputs, outputs = (_numbers(subgraphs[0], field, len(tensors)) for field in (1, 2))
    return Graph(tensors, operators, inputs, outputs, dense_rounding)


def _tables(table: VerifiedTable, field: int) -> list[VerifiedTable]:
    return table.tables(field, MOST_TABLES)


def _buffer(table: VerifiedTable, wire: Wire) -> bytes:
    # Large constants follow the flatbuffer; an offset above 1 points there.
    offset, size = (int(table.number(field, "Q")) for field in (1, 2))
    if offset <= 1:
        offset, size = table.extent(0)
    wire.expect(offset, size)
    return wire.content[offset : offset + size]


def _builtin(code: VerifiedTable) -> int:
    # Old files keep small codes in the deprecated field only; the larger of the two is the real one.
    builtin = max(int(code.number(0, "b")), int(code.number(3, "i")))
    if builtin == _CUSTOM:
        name = code.text(1)
        raise ModelFileError(
            f"the graph has the custom op {name!r}, which the numpy executor cannot run. Expected builtin ops. "
            "Use a file for CPU targets, or the accelerator it was compiled for."
        )
    return builtin


def _operator(table: VerifiedTable, codes: list[int], n_tensors: int) -> Operator:
    code, outputs = int(table.number(0, "I")), _numbers(table, 2, n_tensors)
    if code >= len(codes) or not outputs:
        raise ModelFileError(
            f"an op does not fit: expected one of {len(codes)} op codes and an output. "
            f"Received: op code {code} with {len(outputs)} outputs."
        )
    return Operator(codes[code], _numbers(table, 1, n_tensors, lowest=-1), outputs[0], table.table(4))


def _numbers(table: VerifiedTable, field: int, n_tensors: int, lowest: int = 0) -> tuple[int, ...]:
    numbers = tuple(table.numbers(field, "i").tolist())
    if any(not lowest <= number < n_tensors for number in numbers):
        raise ModelFileError(
            f"the graph is damaged: expected tensor numbers below {n_tensors}. Received: {numbers!r:.80}."
        )
    return numbers


def _tensor(table: VerifiedTable, buffers: list[bytes]) -> Tensor:
    name, kind, shape = table.text(3), int(table.number(1, "b")), table.numbers(0, "i").tolist()
    if kind not in _DTYPES or table.table(6) is not None:
        raise ModelFileError(f"tensor {name!r} is sparse or of type {kind}, which the numpy executor cannot read.")
    if len(shape) > _MAX_DIMENSIONS or min(shape, default=0) < 0 or _elements(shape) > _MAX_ELEMENTS:
        raise ModelFileError(f"tensor {name!r} has the impossible shape {shape!r:.80}.")
    scales, zero_points, axis = _quantization(table.table(4), name)
    data = _constant(table, buffers, kind, tuple(shape), name)
    return Tensor(name, tuple(shape), np.dtype(_DTYPES[kind]), scales, zero_points, axis, data)


def _elements(shape: list[int] | tuple[int, ...]) -> int:
    product = 1
    for size in shape:  # numpy's product would wrap around
        product *= size
    return product


def _quantization(table: VerifiedTable | None, name: str) -> tuple[npt.NDArray[np.float32], IntArray, int]:
    if table is None:
        return np.empty(0, np.float32), np.empty(0, np.int64), 0
    scales, zero_points = table.numbers(2, "f").astype(np.float32), table.numbers(3, "q").astype(np.int64)
    if not len(zero_points):
        zero_points = np.zeros(len(scales), np.int64)
    if len(scales) != len(zero_points) or not (np.isfinite(scales) & (scales >= 0)).all():
        raise ModelFileError(f"tensor {name!r} has invalid scales.")
    if (np.abs(zero_points) > np.iinfo(np.int16).max).any():
        raise ModelFileError(f"tensor {name!r} has zero points outside its type.")
    return scales, zero_points, int(table.number(6, "i"))


def _constant(table: VerifiedTable, buffers: list[bytes], kind: int, shape: tuple[int, ...], name: str) -> Array | None:
    number = int(table.number(2, "I"))
    if number >= len(buffers):
        raise ModelFileError(f"tensor {name!r} has no buffer {number}.")
    content = buffers[number]
    if not content:
        return None
    data = _int4(content, _elements(shape)) if kind == _INT4 else _plain(content, np.dtype(_DTYPES[kind]))
    if data.size != _elements(shape):
        raise ModelFileError(f"tensor {name!r}: expected {_elements(shape)} values. Received: {data.size}.")
    return data.reshape(shape)


def _plain(content: bytes, dtype: np.dtype[Any]) -> Array:
    # The format is little-endian whatever the machine is.
    return np.frombuffer(content[: len(content) // dtype.itemsize * dtype.itemsize], dtype.newbyteorder("<")).astype(
        dtype
    )


def _int4(content: bytes, elements: int) -> Array:
    """Unpack two values per byte, low half first."""
    pairs = np.frombuffer(content, np.uint8)
    halves = np.stack([pairs << 4, pairs & 0xF0], axis=-1).reshape(-1)
    values: Array = halves.view(np.int8) >> 4
    return values[:elements]
