"""Changing named constants of a graph in place: all other bytes of the flatbuffer stay as they are.

Export names the constants that depend on the machine ``saelite/NAME``, or ``saelite/NAME.T`` for the
matrix of a dense layer, which is stored transposed.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import ModelFileError
from edge_runtime.model_file.checking.wire import VerifiedTable, Wire, damaged

PREFIX, TRANSPOSED = "saelite/", ".T"
_FLOAT32 = 0


class _Place(NamedTuple):
    """Where a constant's bytes are."""

    start: int
    length: int
    shape: tuple[int, ...]
    is_transposed: bool


def read_constants(flatbuffer: bytes) -> dict[str, FloatArray]:
    """Return the named constants of a graph; empty if export did not name any."""
    found = {}
    for name, place in _places(flatbuffer).items():
        values = np.frombuffer(flatbuffer, "<f4", place.length // 4, place.start).astype(np.float32)
        values = values.reshape(place.shape)
        found[name] = np.ascontiguousarray(values.T) if place.is_transposed else values
    return found


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
        If the graph has no such constant, or one of another size.
    """
    content, places = bytearray(flatbuffer), _places(flatbuffer)
    for name, value in values.items():
        place = places.get(name)
        if place is None or 4 * value.size != place.length:
            there = "none" if place is None else f"{place.length // 4} numbers"
            raise ModelFileError(
                f"the graph's constant {name} cannot be changed: expected {value.size} numbers. Received: {there}. "
                "Export the file again."
            )
        stored = value.T if place.is_transposed else value
        content[place.start : place.start + place.length] = np.ascontiguousarray(stored, "<f4").tobytes()
    return bytes(content)


def without_constants(flatbuffer: bytes) -> bytes:
    """Return the flatbuffer with every named constant zero: what two files share that differ in these alone."""
    content = bytearray(flatbuffer)
    for place in _places(flatbuffer).values():
        content[place.start : place.start + place.length] = bytes(place.length)
    return bytes(content)


def with_output(flatbuffer: bytes, output: str, tensor: int) -> bytes:
    """Return the flatbuffer with another tensor in the place of an output."""
    subgraph = _subgraph(flatbuffer)
    tensors = subgraph.tables(0, 1 << 16)
    start, length = subgraph.vector(2, "i")
    outputs = struct.unpack_from(f"<{length}i", flatbuffer, start)
    place = [tensors[number].text(3) for number in outputs].index(output)
    content = bytearray(flatbuffer)
    struct.pack_into("<i", content, start + 4 * place, tensor)
    return bytes(content)


def _places(flatbuffer: bytes) -> dict[str, _Place]:
    model = Wire(flatbuffer).root()
    buffers, tensors = model.tables(4, 1 << 16), _subgraph(flatbuffer).tables(0, 1 << 16)
    uses = Counter(int(tensor.number(2, "I")) for tensor in tensors)
    places = {}
    for tensor in tensors:
        name, number = tensor.text(3), int(tensor.number(2, "I"))
        if not name.startswith(PREFIX):
            continue
        if uses[number] > 1 or number >= len(buffers) or tensor.number(1, "b") != _FLOAT32:
            raise damaged(f"its constant {name!r:.80} shares its bytes with another, or is not float32")
        start, length = buffers[number].extent(0)
        bare = name[len(PREFIX) :].removesuffix(TRANSPOSED)
        if bare in places:
            raise damaged(f"it has two constants {bare!r:.80}")
        places[bare] = _Place(start, length, tuple(tensor.numbers(0, "i").tolist()), name.endswith(TRANSPOSED))
    return places


def _subgraph(flatbuffer: bytes) -> VerifiedTable:
    (subgraph,) = Wire(flatbuffer).root().tables(2, 1)
    return subgraph
