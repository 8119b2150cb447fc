"""The numpy executor, with the methods of a TFLite interpreter that the detector uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelFileError
from edge_runtime.inference.numpy_executor.fixed_point import Array, Rounding
from edge_runtime.inference.numpy_executor.kernel import Run
from edge_runtime.inference.numpy_executor.kernels import KERNELS
from edge_runtime.inference.numpy_executor.tflite_reader import Graph, Operator, read_graph

# Exceptions that numpy raises on inconsistent graphs.
_MISFITS = (ValueError, IndexError, TypeError, OverflowError, ZeroDivisionError, MemoryError, AttributeError)


class Interpreter:
    """Runs a flatbuffer's first subgraph.

    Parameters
    ----------
    model_content : bytes
        The flatbuffer.
    dense_rounding : Rounding
        Whose dense layers to follow, bit for bit: LiteRT's, tflite-runtime's or TensorFlow Lite Micro's.

    Raises
    ------
    ModelFileError
        If the flatbuffer is damaged, or holds an unsupported op or type.
    """

    def __init__(self, model_content: bytes, *, dense_rounding: Rounding = Rounding.ONCE) -> None:
        self._graph: Graph = read_graph(model_content, dense_rounding)
        self._shapes = {number: self._graph.tensors[number].shape for number in self._graph.inputs}
        # One place more than tensors: an absent optional input has the number -1 and finds None there.
        self._values: list[Any] = [*(tensor.data for tensor in self._graph.tensors), None]
        self._program: list[tuple[Run, tuple[int, ...], int]] = []
        with np.errstate(all="ignore"):
            for operator in self._graph.operators:
                self._add(operator)

    def get_input_details(self) -> list[dict[str, Any]]:
        """Return the inputs, each as a dict with ``name``, ``index``, ``shape``, ``dtype``, ``quantization``."""
        return [self._details(number) for number in self._graph.inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        """Return the outputs in the same form."""
        return [self._details(number) for number in self._graph.outputs]

    def get_tensor_details(self) -> list[dict[str, Any]]:
        """Return all tensors in the same form."""
        return [self._details(number) for number in range(len(self._graph.tensors))]

    def resize_tensor_input(self, index: int, shape: Sequence[int]) -> None:
        """Give an input another shape, from the next `allocate_tensors` on."""
        self._shapes[index] = tuple(int(size) for size in shape)

    def allocate_tensors(self) -> None:
        """Run once on zeros: a graph that does not fit together is found here and not later.

        Raises
        ------
        ModelFileError
            If some op's inputs do not fit it.
        """
        for number, shape in self._shapes.items():
            self._values[number] = np.zeros(shape, self._graph.tensors[number].dtype)
        try:
            self.invoke()
            unfit = [entry["name"] for entry in self.get_output_details()
                     if self._values[entry["index"]] is None]  # fmt: skip
        except _MISFITS as error:
            raise ModelFileError(
                f"the graph does not fit together ({type(error).__name__}: {error}). Export the file again."
            ) from error
        if unfit:
            raise ModelFileError(f"the graph computes no {', '.join(unfit)}. Export the file again.")

    def set_tensor(self, index: int, value: npt.NDArray[np.generic]) -> None:
        """Set an input.

        Raises
        ------
        ValueError
            If shape or type differ from the input's.
        """
        shape, dtype = self._shapes[index], self._graph.tensors[index].dtype
        if value.shape != shape or value.dtype != dtype:
            raise ValueError(f"expected shape {shape} of {dtype}. Received: {value.shape} of {value.dtype}.")
        self._values[index] = value

    def invoke(self) -> None:
        """Run the graph."""
        values = self._values
        with np.errstate(all="ignore"):
            for run, inputs, output in self._program:
                values[output] = run(*[values[number] for number in inputs])

    def get_tensor(self, index: int) -> Array:
        """Return a copy of a tensor's value."""
        return np.array(self._values[index])

    def _add(self, operator: Operator) -> None:
        if operator.code not in KERNELS:
            raise ModelFileError(
                f"the graph has op {operator.code}, which the numpy executor cannot run. Expected one of: "
                f"{', '.join(sorted(name for name, _ in KERNELS.values()))}. "
                "Install a runtime that can: pip install ai-edge-litert"
            )
        name, prepare = KERNELS[operator.code]
        try:
            run = prepare(operator, self._graph)
            values = [self._values[number] for number in operator.inputs]
            if operator.inputs and all(value is not None for value in values):
                # All constant, such as float16 weights to be widened: done once, here.
                self._values[operator.output] = run(*values)
                return
        except _MISFITS as error:
            raise ModelFileError(
                f"{name} does not fit its tensors ({type(error).__name__}: {error}). Export the file again."
            ) from error
        self._program.append((run, operator.inputs, operator.output))

    def _details(self, number: int) -> dict[str, Any]:
        tensor, value = self._graph.tensors[number], self._values[number]
        one = len(tensor.scales) == 1
        return {
            "name": tensor.name,
            "index": number,
            "shape": np.asarray(tensor.shape if value is None else np.shape(value), np.int32),
            "dtype": tensor.dtype.type,
            "quantization": (float(tensor.scales[0]), tensor.zero_point) if one else (0.0, 0),
        }
