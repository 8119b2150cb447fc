"""The memory a graph needs: shapes are inferred op by op, as a runtime does, whatever the file declares.

A runtime infers shapes itself. A file with small declared tensors can therefore need gigabytes: two vectors broadcast
against each other, or a constant repeat count.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from edge_runtime.common.size_limits import limit, raised_by
from edge_runtime.errors import ModelFileError
from edge_runtime.model_file.checking.checked_ops import ARITIES
from edge_runtime.model_file.checking.tflite_graph import CheckedGraph, GraphOp, GraphTensor
from edge_runtime.model_file.checking.wire import damaged

Shape = tuple[int, ...]
Rule = Callable[[list[Shape], list[GraphTensor]], int]

_INT32, _INT64 = 2, 4
_MOST_DIMENSIONS = 8
_LIMIT = "SAELITE_MAX_TENSORS_MB"


def check_memory(graph: CheckedGraph) -> list[Shape]:
    """Infer the shapes through the graph, at the batch size it declares.

    Returns
    -------
    list of tuple of int
        The shape of each tensor as a runtime infers it; an upper bound where it is not known exactly.

    Raises
    ------
    ModelFileError
        If an op yields another number of values than the file declares, or all tensors together are too large.
    """
    shapes = [_Followed(tensor.shape, exact=True) for tensor in graph.tensors]
    for op in graph.ops:
        _follow(op, graph, shapes)
    n_bytes = sum(
        max(tensor.n_bytes, 4 * math.prod(one.shape)) for tensor, one in zip(graph.tensors, shapes, strict=True)
    )
    most = limit(_LIMIT)
    if n_bytes > most * 1_000_000:
        raise ModelFileError(
            f"the graph's tensors take {n_bytes / 1e6:.0f} MB. Expected at most {most} MB. {raised_by(_LIMIT)}"
        )
    return [one.shape for one in shapes]


class _Followed(NamedTuple):
    """A shape as a runtime infers it, if exact, and in any case an upper bound of its number of values."""

    shape: Shape
    exact: bool
    most: int = 0


def _follow(op: GraphOp, graph: CheckedGraph, shapes: list[_Followed]) -> None:
    numbers = [number for number in op.inputs if number >= 0]
    inputs, exact = [shapes[number].shape for number in numbers], all(shapes[number].exact for number in numbers)
    most = _RULES.get(op.code, _no_more_than_goes_in)(inputs, [graph.tensors[number] for number in numbers])
    is_count = exact and op.code in _EXACT
    for number in op.outputs:
        tensor = graph.tensors[number]
        count = math.prod(tensor.shape)
        if count == most:
            shapes[number] = _Followed(tensor.shape, exact)
        elif tensor.is_open and count < most:
            # The declared shape is for some batch; the runtime replaces it.
            shapes[number] = _Followed(_broadcast(inputs) if op.code in _ACROSS else (most,), is_count)
        elif count > most or is_count:
            raise damaged(
                f"op {ARITIES[op.code].name} gives {most} values from {inputs!r:.80}, "
                f"the file says {tensor.shape!r:.80} for {tensor.name!r:.80}"
            )
        else:
            shapes[number] = _Followed(tensor.shape if exact else (most,), exact, most)


def _no_more_than_goes_in(shapes: list[Shape], _: list[GraphTensor]) -> int:
    return sum(map(math.prod, shapes))


def _as_many(shapes: list[Shape], _: list[GraphTensor]) -> int:
    return math.prod(shapes[0])


def _across(shapes: list[Shape], _: list[GraphTensor]) -> int:
    return math.prod(_broadcast(shapes))


def _broadcast(shapes: list[Shape]) -> Shape:
    """Return the broadcast shape; for incompatible shapes, an upper bound."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(max(sizes) if min(sizes) else 0 for sizes in zip(*padded, strict=True))


def _dense(shapes: list[Shape], _: list[GraphTensor]) -> int:
    values, weights = shapes[:2]
    if len(weights) != 2 or not weights[1]:
        raise damaged(f"a dense layer of {weights!r:.80} does not fit {values!r:.80}")
    return -(-math.prod(values) // weights[1]) * weights[0]


def _matrices(shapes: list[Shape], _: list[GraphTensor]) -> int:
    left, right = shapes
    if min(len(left), len(right)) < 2:
        return math.prod(left) * math.prod(right)
    # However they are transposed, no side of the product is longer than one of theirs.
    return math.prod(_broadcast([left[:-2], right[:-2]])) * max(left[-2:]) * max(right[-2:])


def _convolution(shapes: list[Shape], _: list[GraphTensor]) -> int:
    values, weights = shapes[:2]
    if not 1 <= len(values) <= 4 or len(weights) != 4:
        raise damaged(f"a convolution of {weights!r:.80} does not fit {values!r:.80}")
    places = math.prod(values[:3]) if len(values) == 4 else math.prod(values)
    return places * max(weights[0], weights[3])


def _product_of(place: int) -> Rule:
    """Return the rule of an op whose output shape is a constant."""
    return lambda _, tensors: math.prod(_constant(tensors[place]))


def _repeated(shapes: list[Shape], tensors: list[GraphTensor]) -> int:
    return math.prod(shapes[0]) * math.prod(_constant(tensors[1]))


def _padded(shapes: list[Shape], tensors: list[GraphTensor]) -> int:
    pads = _constant(tensors[1])
    if len(pads) != 2 * len(shapes[0]):
        raise damaged(f"{len(pads)} paddings do not fit {shapes[0]!r:.80}")
    sides = zip(shapes[0], pads[::2], pads[1::2], strict=True)
    return math.prod(size + before + after for size, before, after in sides)


def _resized(shapes: list[Shape], tensors: list[GraphTensor]) -> int:
    channels = shapes[0][0] * shapes[0][3] if len(shapes[0]) == 4 else math.prod(shapes[0])
    return channels * math.prod(_constant(tensors[1]))


def _gathered(shapes: list[Shape], _: list[GraphTensor]) -> int:
    return math.prod(shapes[0]) * max(1, math.prod(shapes[1]))


def _constant(tensor: GraphTensor) -> list[int]:
    if tensor.data is None or tensor.kind not in (_INT32, _INT64):
        raise damaged(f"the size in {tensor.name!r:.80} is not a constant")
    numbers = [int(number) for number in tensor.data.view("<i4" if tensor.kind == _INT32 else "<i8")]
    if min(numbers, default=0) < 0:
        raise damaged(f"the size in {tensor.name!r:.80} is {numbers!r:.80}")
    return numbers


_SAME = (6, 8, 11, 14, 19, 20, 21, 22, 25, 28, 39, 43, 47, 50, 53, 59, 66, 70, 73, 75, 76, 87, 92, 93, 98, 101, 104,
         105, 108, 111, 114, 116, 117, 150, 152, 158)  # fmt: skip
_ACROSS = (0, 18, 41, 42, 54, 55, 57, 58, 61, 62, 63, 64, 71, 72, 78, 84, 86, 90, 95, 99, 106, 123)
_EXACT = frozenset({*_SAME, *_ACROSS, 2, 9, 23, 34, 60, 67, 69, 83, 94, 97, 100, 110, 130})
_RULES: dict[int, Rule] = {
    **dict.fromkeys(_SAME, _as_many),
    **dict.fromkeys(_ACROSS, _across),
    3: _convolution,
    4: _convolution,
    9: _dense,
    23: _resized,
    34: _padded,
    36: _gathered,
    60: _padded,
    67: _product_of(0),
    69: _repeated,
    77: lambda *_: _MOST_DIMENSIONS,
    94: _product_of(0),
    97: _resized,
    100: _padded,
    107: _gathered,
    110: lambda *_: 1,
    126: _matrices,
    130: _product_of(1),
}
