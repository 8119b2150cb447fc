"""A network graph as what a C function does: dense layers, and lookups for everything that follows them.

In int8 any function of one value has 256 results, so activations, and what converters make of them, become tables,
computed by the numpy executor's own kernels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray, IntArray
from edge_runtime.errors import UsageError
from edge_runtime.inference.numpy_executor.fixed_point import Multiplier, Rounding
from edge_runtime.inference.numpy_executor.kernel import limits, quantized_limits
from edge_runtime.inference.numpy_executor.kernels import KERNELS
from edge_runtime.inference.numpy_executor.tflite_reader import Graph, Operator, read_graph

_DENSE, _RESHAPE = "FULLY_CONNECTED", "RESHAPE"
# Sums and results stay within int32, the output's zero point included.
_MOST = 2**31 - 2**9
_STEPS = np.arange(-128, 128).astype(np.int8)
# Functions of one float that the C library has.
FLOAT_FUNCTIONS = ("RELU", "RELU6", "LOGISTIC", "TANH", "ELU")


@dataclass(frozen=True)
class Dense:
    """An int8 layer: ``clip(zero_point + (bias + weights @ x) * multiplier / 2**31 * 2**(left - right))``.

    Parameters
    ----------
    source, target : int
        Tensors.
    weights : ndarray of shape (units, inputs), int8
    bias : ndarray of shape (units,), int64
        With the input's zero point in it.
    multiplier, left, right : int
        See `Multiplier`.
    zero_point, low, high : int
        Of the output; `low` and `high` are the limits of a fused ReLU, or of int8.
    """

    source: int
    target: int
    weights: npt.NDArray[np.int8]
    bias: IntArray
    multiplier: int
    left: int
    right: int
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True)
class FloatDense:
    """A float32 layer: ``clip(bias + weights @ x)``; infinite limits are none."""

    source: int
    target: int
    weights: FloatArray
    bias: FloatArray
    low: float
    high: float


@dataclass(frozen=True)
class Lookup:
    """A function of single int8 values: ``table[x + 128]``."""

    source: int
    target: int
    table: npt.NDArray[np.int8]


@dataclass(frozen=True)
class FloatFunction:
    """One of `FLOAT_FUNCTIONS` on every value."""

    source: int
    target: int
    name: str


Step = Dense | FloatDense | Lookup | FloatFunction


@dataclass(frozen=True)
class Program:
    """A network's steps in order, and its tensors.

    Parameters
    ----------
    steps : tuple of Step
    widths : dict of int to int
        Number of values of each tensor in `steps`.
    source : int
        The network's input.
    ends : dict of int to str
        The outputs' tensors, with their names.
    is_int8 : bool
    """

    steps: tuple[Step, ...]
    widths: dict[int, int]
    source: int
    ends: dict[int, str]
    is_int8: bool


def read_program(content: bytes, rounding: Rounding) -> Program:
    """Return what a network graph of batch 1 does.

    Raises
    ------
    UsageError
        If the graph holds something that the C library has no code for.
    """
    graph = read_graph(content, rounding)
    is_int8 = graph.tensors[graph.inputs[0]].dtype == np.int8
    steps = _Int8Steps(graph).steps() if is_int8 else list(_float_steps(graph))
    numbers = {graph.inputs[0], *(number for step in steps for number in (step.source, step.target))}
    widths = {number: int(np.prod(graph.tensors[number].shape)) for number in numbers}
    ends = {number: graph.tensors[number].name for number in graph.outputs}
    return Program(tuple(steps), widths, graph.inputs[0], ends, bool(is_int8))


def _refuse(what: str) -> UsageError:
    return UsageError(
        f"the network has no form in C: expected dense layers with activations. Received: {what}. "
        "Export it with --target micro, or train it with other activations."
    )


def _name(operator: Operator) -> str:
    return KERNELS[operator.code][0] if operator.code in KERNELS else f"op {operator.code}"


class _Int8Steps:
    """Follows a graph in which every value between two layers is a function of one output of the layer before."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        # Tensor -> the tensor that is in memory, and the value for each of its 256 steps.
        self._known: dict[int, tuple[int, npt.NDArray[Any]]] = {graph.inputs[0]: (graph.inputs[0], _STEPS)}
        self._steps: list[Step] = []

    def steps(self) -> list[Step]:
        for operator in self._graph.operators:
            if _name(operator) == _DENSE:
                source = self._stored(operator.inputs[0])
                self._steps.append(self._dense(operator, source))
                self._known[operator.output] = (operator.output, _STEPS)
            else:
                self._known[operator.output] = self._function(operator)
        for number in self._graph.outputs:
            self._stored(number)
        return self._steps

    def _stored(self, number: int) -> int:
        """Return the tensor in memory that holds a tensor's values, after a lookup if there was none."""
        base, table = self._known[number]
        if base == number or (table is _STEPS and number not in self._graph.outputs):
            return base
        self._known[number] = (number, _STEPS)
        self._steps.append(Lookup(base, number, table.astype(np.int8)))
        return number

    def _function(self, operator: Operator) -> tuple[int, npt.NDArray[Any]]:
        name, graph = _name(operator), self._graph
        sources = [number for number in operator.inputs if number in self._known]
        if operator.code not in KERNELS or len({self._known[number][0] for number in sources}) != 1:
            raise _refuse(name)
        if name == _RESHAPE:
            return self._known[sources[0]]
        constants = [graph.tensors[number].data for number in operator.inputs if number not in self._known]
        if any(one is None or one.size != 1 for one in constants):
            raise _refuse(f"{name} with a value for each unit")
        arrays = [self._known[number][1] if number in self._known else graph.tensors[number].data
                  for number in operator.inputs]  # fmt: skip
        with np.errstate(all="ignore"):
            return self._known[sources[0]][0], KERNELS[operator.code][1](operator, graph)(*arrays)

    def _dense(self, operator: Operator, source: int) -> Dense:
        graph = self._graph
        x, weights, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.inputs[1]], operator.output
        after = graph.tensors[output]
        if weights.data is None or weights.data.dtype != np.int8 or len(weights.scales) != 1 or weights.zero_point:
            raise _refuse("dense layer without int8 weights of one scale")
        matrix = weights.data.astype(np.int64)
        bias = _constant(graph, operator, 2, np.zeros(len(matrix), np.int32)).astype(np.int64)
        # The input's zero point goes into the bias: the sums are the same integers.
        folded = bias - x.zero_point * matrix.sum(axis=1)
        # All but tflite-runtime's kernels multiply the scales in float64.
        factor = float(weights.scale) * float(x.scale) / float(after.scale)
        if (np.abs(folded) + 128 * np.abs(matrix).sum(axis=1)).max() * max(1.0, 2 * factor) > _MOST:
            raise _refuse(f"dense layer {after.name!r} with sums beyond 32 bits")
        multiplier = Multiplier.of(factor)
        fraction, left, right = (int(one[0]) for one in (multiplier.fraction, multiplier.left, multiplier.right))
        scaling = (fraction, left, right, after.zero_point, *quantized_limits(after, *limits(operator, 0)))
        return Dense(source, output, weights.data, folded, *scaling)


def _float_steps(graph: Graph) -> list[Step]:
    steps: list[Step] = []
    renamed: dict[int, int] = {}
    for operator in graph.operators:
        name, source = _name(operator), renamed.get(operator.inputs[0], operator.inputs[0])
        if name == _DENSE:
            weights = graph.tensors[operator.inputs[1]].data
            if weights is None or weights.dtype != np.float32:
                raise _refuse("dense layer without float32 weights")
            bias = _constant(graph, operator, 2, np.zeros(len(weights), np.float32))
            steps.append(FloatDense(source, operator.output, weights, bias, *limits(operator, 0)))
        elif name == _RESHAPE and operator.output not in graph.outputs:
            renamed[operator.output] = source
        elif name in FLOAT_FUNCTIONS:
            steps.append(FloatFunction(source, operator.output, name))
        else:
            raise _refuse(f"{name} on float32")
    return steps


def _constant(graph: Graph, operator: Operator, number: int, default: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if len(operator.inputs) <= number or operator.inputs[number] < 0:
        return default
    data = graph.tensors[operator.inputs[number]].data
    if data is None:
        raise _refuse("dense layer whose bias is computed")
    return data
