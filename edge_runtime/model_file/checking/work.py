"""How much a graph computes for a window: a small file can ask for more than a processor does in an hour.

Two vectors that are added across each other make a matrix, and two such matrices that fit the memory a product of 10¹¹
multiplications. `saelite run` tries new files out in a process of its own; `score` and `verify` have only this.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from edge_runtime.common.size_limits import limit, raised_by
from edge_runtime.errors import ModelFileError
from edge_runtime.model_file.checking.tflite_graph import CheckedGraph

Shape = tuple[int, ...]

_LIMIT = "SAELITE_MAX_MEGAOPS"


def check_work(graph: CheckedGraph, shapes: list[Shape]) -> None:
    """Add up the multiplications of all ops, at most.

    Parameters
    ----------
    graph : CheckedGraph
    shapes : list of tuple of int
        Of each tensor, as a runtime will find it.

    Raises
    ------
    ModelFileError
        If there are more than the limit.
    """
    total = 0
    for op in graph.ops:
        inputs, outputs = ([shapes[number] for number in numbers if number >= 0] for numbers in (op.inputs, op.outputs))
        total += _WORK.get(op.code, _each_once)(inputs, outputs)
    most = limit(_LIMIT)
    if total > most * 1_000_000:
        raise ModelFileError(
            f"the graph takes {total / 1e6:.0f} million multiplications a window. Expected at most {most} million. "
            f"{raised_by(_LIMIT)}"
        )


def _each_once(inputs: list[Shape], outputs: list[Shape]) -> int:
    return sum(map(math.prod, [*inputs, *outputs]))


def _dense(inputs: list[Shape], _: list[Shape]) -> int:
    return math.prod(inputs[0]) * inputs[1][0]


def _matrices(inputs: list[Shape], outputs: list[Shape]) -> int:
    # Whichever way they are turned: what is summed over is a side of both.
    return math.prod(outputs[0]) * min(max(shape[-2:], default=1) for shape in inputs)


def _convolution(inputs: list[Shape], outputs: list[Shape]) -> int:
    """Return each place of the input or output, whichever are more, times all weights."""
    # A shape that is not known exactly is a number of values, each of which may be a place.
    places = max(math.prod(shape[:-1] if len(shape) == 4 else shape) for shape in (inputs[0], outputs[0]))
    return places * math.prod(inputs[1])


def _transposed_convolution(inputs: list[Shape], outputs: list[Shape]) -> int:
    return _convolution([inputs[2], inputs[1]], outputs)


_WORK: dict[int, Callable[[list[Shape], list[Shape]], int]] = {
    3: _convolution,
    4: _convolution,
    9: _dense,
    67: _transposed_convolution,
    126: _matrices,
}
