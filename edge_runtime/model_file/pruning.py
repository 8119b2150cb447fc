"""A graph that computes only some of its outputs: the ops that no wanted output needs are left out of the list."""

from __future__ import annotations

import struct
from collections.abc import Collection

from edge_runtime.model_file.checking.wire import VerifiedTable
from edge_runtime.model_file.patching import subgraph_of

_MOST = 1 << 16
_OPERATORS, _OUTPUTS = 3, 2
_OP_INPUTS, _OP_OUTPUTS = 1, 2


def with_outputs(flatbuffer: bytes, wanted: Collection[str]) -> bytes:
    """Return the flatbuffer without the outputs that are not wanted, and without the ops that only they need.

    The ops that stay are the same, in the same order. Two lists become shorter, in place; all other bytes, among them
    the constants of the ops that go, stay where they are.

    Parameters
    ----------
    flatbuffer : bytes
        A checked graph.
    wanted : collection of str
        Names of outputs.
    """
    subgraph = subgraph_of(flatbuffer)
    names = [tensor.text(3) for tensor in subgraph.tables(0, _MOST)]
    outputs = [one for one in subgraph.numbers(_OUTPUTS, "i").tolist() if names[one] in wanted]
    operators = subgraph.tables(_OPERATORS, _MOST)
    content = bytearray(flatbuffer)
    _shorten(content, subgraph.vector(_OUTPUTS, "i")[0], outputs)
    start, _ = subgraph.vector(_OPERATORS, "I")
    offsets = subgraph.numbers(_OPERATORS, "I").tolist()
    kept = _needed(operators, set(outputs))
    # An offset counts from its own place, so one that moves up by so many bytes points so many further.
    _shorten(content, start, [offsets[old] + 4 * (old - new) for new, old in enumerate(kept)])
    return bytes(content)


def _needed(operators: list[VerifiedTable], tensors: set[int]) -> list[int]:
    """Return which ops some tensors need; ops are in the order in which they run."""
    kept = []
    for number in reversed(range(len(operators))):
        if tensors & set(operators[number].numbers(_OP_OUTPUTS, "i").tolist()):
            tensors = tensors | set(operators[number].numbers(_OP_INPUTS, "i").tolist())
            kept.append(number)
    return kept[::-1]


def _shorten(content: bytearray, start: int, numbers: list[int]) -> None:
    """Put a shorter list of numbers in the place of a vector."""
    struct.pack_into(f"<{1 + len(numbers)}i", content, start - 4, len(numbers), *numbers)
