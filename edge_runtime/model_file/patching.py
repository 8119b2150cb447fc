"""Changing named constants of a graph in place: all other bytes of the flatbuffer stay as they are.

Export names the constants that depend on the machine ``saelite/NAME``, or ``saelite/NAME.T`` for the
matrix of a dense layer, which is stored transposed. They are float32, or float16 that the graph widens.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import ModelFileError
from edge_runtime.model_file.checking.wire import VerifiedTable, Wire, damaged

PREFIX, TRANSPOSED = "saelite/", ".T"
# By number in the TFLite schema.
_TYPES: Mapping[int, np.dtype[Any]] = {0: np.dtype("<f4"), 1: np.dtype("<f2")}


class _Place(NamedTuple):
    """Where a constant's bytes are."""

    start: int
    length: int
    shape: tuple[int, ...]
    is_transposed: bool
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return self.length // self.dtype.itemsize


def read_constants(flatbuffer: bytes) -> dict[str, FloatArray]:
    """Return the named constants of a graph in float32; empty if export did not name any."""
    found = {}
    for name, place in _places(flatbuffer).items():
        values = np.frombuffer(flatbuffer, place.dtype, place.size, place.start).astype(np.float32)
        values = values.reshape(place.shape)
        found[name] = np.ascontiguousarray(values.T) if place.is_transposed else values
    return found


def has_halves(flatbuffer: bytes) -> bool:
    """Return whether a graph holds some of them in float16."""
    return any(place.dtype.itemsize == 2 for place in _places(flatbuffer).values())


def with_constants(flatbuffer: bytes, values: Mapping[str, FloatArray]) -> bytes:
    """Return the flatbuffer with other values of some constants.

    Parameters
    ----------
    flatbuffer : bytes
    values : mapping of str to ndarray
        With as many numbers each as are there.

    Raises
    ------
    ModelFileError
        If the graph has no such constant, or one of another size, or one in float16 that is too narrow.
    """
    content, places = bytearray(flatbuffer), _places(flatbuffer)
    for name, value in values.items():
        place = places.get(name)
        if place is None or value.size != place.size:
            there = "none" if place is None else f"{place.size} numbers"
            raise ModelFileError(
                f"the graph's constant {name} cannot be changed: expected {value.size} numbers. Received: {there}. "
                "Export the file again."
            )
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(value.T if place.is_transposed else value, place.dtype)
        if not np.isfinite(stored).all():
            raise ModelFileError(
                f"the graph's constant {name} cannot be changed: expected numbers that {place.dtype.name} holds. "
                f"Received: up to {np.abs(value).max():.3g}. Export the file with --quantize float32."
            )
        content[place.start : place.start + place.length] = stored.tobytes()
    return bytes(content)


def without_constants(flatbuffer: bytes) -> bytes:
    """Return the flatbuffer with every named constant zero: what two files share that differ in these alone."""
    content = bytearray(flatbuffer)
    for place in _places(flatbuffer).values():
        content[place.start : place.start + place.length] = bytes(place.length)
    return bytes(content)


def with_output(flatbuffer: bytes, output: str, tensor: int) -> bytes:
    """Return the flatbuffer with another tensor in the place of an output."""
    subgraph = subgraph_of(flatbuffer)
    tensors = subgraph.tables(0, 1 << 16)
    start, length = subgraph.vector(2, "i")
    outputs = struct.unpack_from(f"<{length}i", flatbuffer, start)
    place = [tensors[number].text(3) for number in outputs].index(output)
    content = bytearray(flatbuffer)
    struct.pack_into("<i", content, start + 4 * place, tensor)
    return bytes(content)


def _places(flatbuffer: bytes) -> dict[str, _Place]:
    model = Wire(flatbuffer).root()
    buffers, tensors = model.tables(4, 1 << 16), subgraph_of(flatbuffer).tables(0, 1 << 16)
    uses = Counter(int(tensor.number(2, "I")) for tensor in tensors)
    places = {}
    for tensor in tensors:
        name, number = tensor.text(3), int(tensor.number(2, "I"))
        if not name.startswith(PREFIX):
            continue
        kind = int(tensor.number(1, "b"))
        if uses[number] > 1 or number >= len(buffers) or kind not in _TYPES:
            raise damaged(f"its constant {name!r:.80} shares its bytes with another, or is neither float32 nor float16")
        start, length = buffers[number].extent(0)
        bare = name[len(PREFIX) :].removesuffix(TRANSPOSED)
        if bare in places:
            raise damaged(f"it has two constants {bare!r:.80}")
        shape = tuple(tensor.numbers(0, "i").tolist())
        places[bare] = _Place(start, length, shape, name.endswith(TRANSPOSED), _TYPES[kind])
    return places


def subgraph_of(flatbuffer: bytes) -> VerifiedTable:
    """Return the one graph of a flatbuffer."""
    (subgraph,) = Wire(flatbuffer).root().tables(2, 1)
    return subgraph
