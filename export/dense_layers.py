"""Reading plain dense layers from a traced graph: kernels, biases and activations, batch normalisation folded in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelFileError, UsageError
from export.traced_graph import TracedGraph
from training.run_folder import DenseLayer, Network

Float64Array = npt.NDArray[np.float64]
_PASS_THROUGH = {"Identity", "IdentityN", "StopGradient", "PreventGradient", "EnsureShape", "CheckNumerics"}
_RESHAPES = {"Reshape", "Squeeze", "ExpandDims"}
_ACTIVATIONS = {"Relu": "relu", "Relu6": "relu6", "Elu": "elu", "Selu": "selu", "Tanh": "tanh",
                "Sigmoid": "sigmoid", "Softplus": "softplus", "LeakyRelu": "leaky_relu({:.9g})"}  # fmt: skip
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": np.add, "AddV2": np.add, "BiasAdd": np.add, "Sub": np.subtract, "Mul": np.multiply, "RealDiv": np.divide,
}  # fmt: skip
# Ops that constants may be computed with: none of them reads or writes a file.
_CONSTANT_OPS = {"Const", "Rsqrt", "Sqrt", "Square", "Maximum", "Minimum", "Cast", "Neg", "Pack", "Shape",
                 "StridedSlice", "Prod", "ConcatV2", "GatherV2", "Fill", "Reciprocal",
                 *_ARITHMETIC, *_PASS_THROUGH, *_RESHAPES}  # fmt: skip
_SUPPORTED = (
    "Supported: Dense, BatchNormalization, Dropout, GaussianNoise, ActivityRegularization, Normalization, Rescaling, "
    "Flatten, Reshape, and the activations relu, relu6, leaky_relu, elu, selu, tanh, sigmoid, softplus, swish, linear."
)


@dataclass(frozen=True)
class MatMul:
    """``x @ kernel``; `op` is its name in the graph."""

    op: str
    kernel: Float64Array


@dataclass(frozen=True)
class Affine:
    """``x * factor + offset``."""

    op: str
    factor: Float64Array
    offset: Float64Array


@dataclass(frozen=True)
class Activation:
    """A Keras activation's name, with its parameter if it has one: ``leaky_relu(0.3)``."""

    op: str
    name: str


Step = MatMul | Affine | Activation


@dataclass
class _Stage:
    """A dense layer under construction."""

    kernel: Float64Array
    bias: Float64Array
    ops: list[str]
    activation: str = ""

    def plain(self) -> DenseLayer:
        return DenseLayer(self.kernel.astype(np.float32), self.bias.astype(np.float32), self.activation or "linear")


@dataclass(frozen=True)
class TracedNetwork:
    """The autoencoder in a graph.

    Parameters
    ----------
    network : Network
    codes_op : str
        The op in the traced graph that gives the codes.
    """

    network: Network
    codes_op: str


def read_network(traced: TracedGraph, encoder_output: str | None = None) -> TracedNetwork:
    """Return the graph's dense layers, split at the codes.

    Parameters
    ----------
    encoder_output : str, optional
        Name of the code layer; by default the narrowest dense layer.

    Raises
    ------
    ModelFileError
        If the graph is not a chain of dense layers, or not an autoencoder; the message names the layer.
    UsageError
        If no layer is called `encoder_output`.
    """
    stages = _stages(_Chain(traced).steps(), traced)
    inputs, outputs = len(stages[0].kernel), len(stages[-1].bias)
    if inputs != outputs or len(stages) < 2:
        raise ModelFileError(
            f"the model is not an autoencoder: it has {len(stages)} dense layer(s), {inputs} inputs and {outputs} "
            "outputs. Expected an encoder and a decoder with as many outputs as inputs."
        )
    last = _code_stage(stages, traced, encoder_output)
    encoder, decoder = stages[: last + 1], stages[last + 1 :]
    network = Network(tuple(stage.plain() for stage in encoder), tuple(stage.plain() for stage in decoder))
    return TracedNetwork(network, encoder[-1].ops[-1])


def _code_stage(stages: list[_Stage], traced: TracedGraph, encoder_output: str | None) -> int:
    if encoder_output is None:
        return int(np.argmin([len(stage.bias) for stage in stages[:-1]]))
    layers = [[traced.layer_name(op) for op in stage.ops] for stage in stages[:-1]]
    for number, names in enumerate(layers):
        if encoder_output in names:
            return number
    there = ", ".join(dict.fromkeys(name for names in layers for name in names))
    raise UsageError(
        f"--encoder-output: expected a layer before the last dense one ({there}). Received: {encoder_output!r}"
    )


def _stages(steps: Sequence[Step], traced: TracedGraph) -> list[_Stage]:
    inputs = int(np.prod(traced.input_shape))
    stages: list[_Stage] = []
    # An affine map that cannot be folded into the dense layer before it waits for the next one.
    waiting: Affine | None = None
    for step in steps:
        if isinstance(step, MatMul):
            stages.append(_new_stage(step, waiting))
            waiting = None
        elif isinstance(step, Activation):
            if not stages or stages[-1].activation or waiting:
                raise _unsupported(
                    traced, step.op, "an activation that does not follow a dense layer or its normalisation"
                )
            stages[-1].activation = step.name
            stages[-1].ops.append(step.op)
        elif stages and not stages[-1].activation:
            stage = stages[-1]
            stage.kernel, stage.bias = stage.kernel * step.factor, stage.bias * step.factor + step.offset
            stage.ops.append(step.op)
        else:
            width = len(stages[-1].bias) if stages else inputs
            whole = Affine(step.op, _tiled(step.factor, width), _tiled(step.offset, width))
            waiting = whole if waiting is None else _composed(waiting, whole)
    if waiting is not None:
        raise _unsupported(traced, waiting.op, "a normalisation after the last activation")
    if not stages:
        raise ModelFileError(f"the model holds no dense layer. {_SUPPORTED}")
    return stages


def _new_stage(step: MatMul, before: Affine | None) -> _Stage:
    if before is None:
        return _Stage(step.kernel, np.zeros(step.kernel.shape[1]), [step.op])
    return _Stage(before.factor[:, None] * step.kernel, before.offset @ step.kernel, [step.op])


def _composed(first: Affine, then: Affine) -> Affine:
    return Affine(then.op, first.factor * then.factor, first.offset * then.factor + then.offset)


def _tiled(values: Float64Array, width: int) -> Float64Array:
    """Return one value per unit; values along the last axis of a window repeat for each of its readings."""
    flat = values.ravel()
    return np.tile(flat, width // len(flat))


def _unsupported(traced: TracedGraph, op: str, what: str) -> ModelFileError:
    return ModelFileError(f"layer {traced.layer_name(op)!r} holds {what}, which cannot be exported. {_SUPPORTED}")


@dataclass
class _Chain:
    """The path from a graph's output back to its input, which must not fork."""

    traced: TracedGraph
    _is_constant: dict[str, bool] = field(default_factory=dict)

    def steps(self) -> list[Step]:
        """Return the steps applied to the input, in order."""
        steps: list[Step] = []
        name = self.traced.exit
        while name != self.traced.entry:
            name, step = self._back(name)
            if step is not None:
                steps.append(step)
        return steps[::-1]

    def _back(self, name: str) -> tuple[str, Step | None]:
        """Return the op before `name`, and what `name` does."""
        node = self.traced.nodes[name]
        inputs = [_op_of(entry) for entry in node.input if not entry.startswith("^")]
        if self._passes_on(node):
            return inputs[0], None
        if node.op in _ACTIVATIONS:
            return inputs[0], Activation(name, _ACTIVATIONS[node.op].format(node.attr["alpha"].f))
        if node.op == "MatMul" and self._constant(inputs[1]) and not node.attr["transpose_a"].b:
            kernel = self._value(inputs[1])
            return inputs[0], MatMul(name, kernel.T if node.attr["transpose_b"].b else kernel)
        if node.op == "Mul" and (before := self._swish(inputs)):
            return before, Activation(name, "swish")
        if node.op in _ARITHMETIC and sum(map(self._constant, inputs)) == 1:
            return self._affine(name, node.op, inputs)
        joins = len(inputs) > 1 and not any(map(self._constant, inputs))
        raise _unsupported(self.traced, name, f"the op {node.op}{' that joins two paths' if joins else ''}")

    @staticmethod
    def _passes_on(node: Any) -> bool:
        same_type = node.op == "Cast" and node.attr["SrcT"].type == node.attr["DstT"].type
        return same_type or node.op in _PASS_THROUGH or node.op in _RESHAPES

    def _affine(self, name: str, op: str, inputs: list[str]) -> tuple[str, Step]:
        constant_first = self._constant(inputs[0])
        before, constant = inputs[::-1] if constant_first else inputs
        value = self._value(constant)
        if op == "RealDiv" and constant_first:
            raise _unsupported(self.traced, name, "a division by its input")
        # The images of 0 and 1 determine an affine map.
        at = [_ARITHMETIC[op](value, x) if constant_first else _ARITHMETIC[op](x, value) for x in (0.0, 1.0)]
        return before, Affine(name, np.atleast_1d(at[1] - at[0]), np.atleast_1d(at[0]))

    def _swish(self, inputs: list[str]) -> str | None:
        """Return x if the product is ``x * sigmoid(x)``."""
        for x, gate in (inputs, inputs[::-1]):
            node = self.traced.nodes[self._plain(gate)]
            if node.op == "Sigmoid":
                inner = self._plain(_op_of(node.input[0]))
                if inner == self._plain(x):
                    return x
                node = self.traced.nodes[inner]
                names = [_op_of(entry) for entry in node.input]
                if (
                    node.op == "Mul"
                    and self._plain(x) in map(self._plain, names)
                    and any(self._constant(one) and np.all(self._value(one) == 1.0) for one in names)
                ):
                    return x
        return None

    def _plain(self, name: str) -> str:
        """Return the op that `name` passes on."""
        node = self.traced.nodes[name]
        return self._plain(_op_of(node.input[0])) if node.op in _PASS_THROUGH else name

    def _constant(self, name: str) -> bool:
        if name not in self._is_constant:
            node = self.traced.nodes[name]
            self._is_constant[name] = (
                name != self.traced.entry
                and node.op in _CONSTANT_OPS
                and all(self._constant(_op_of(entry)) for entry in node.input)
            )
        return self._is_constant[name]

    def _value(self, name: str) -> Float64Array:
        (value,) = self.traced.run([name])
        return np.asarray(value, np.float64)


def _op_of(entry: str) -> str:
    return entry.lstrip("^").split(":")[0]
