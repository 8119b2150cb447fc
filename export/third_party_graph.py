"""Inputs and outputs of a third-party graph, read from its flatbuffer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.errors import ModelFileError, UsageError
from edge_runtime.model_file.manifest import Quantization, QuantizedTensor
from export.flatbuffer import ParsedFlatbuffer, scale_of, type_name

_FLOAT32, _INT8 = schema.TensorType.FLOAT32, schema.TensorType.INT8


@dataclass(frozen=True)
class GraphEnds:
    """Input and outputs of a graph.

    Parameters
    ----------
    shape : tuple of int
        Of the input, without the batch.
    quantization : Quantization
        Of the input.
    outputs : tuple of QuantizedTensor
        The ``reconstruction`` and the ``codes``.
    """

    shape: tuple[int, ...]
    quantization: Quantization
    outputs: tuple[QuantizedTensor, ...]

    @property
    def inputs(self) -> int:
        """Number of input values."""
        return int(np.prod(self.shape))

    def has(self, name: str) -> bool:
        """Return whether there is an output with that meaning."""
        return name in {output.name for output in self.outputs}


def read_ends(parsed: ParsedFlatbuffer, reconstruction: str = "", codes: str = "") -> GraphEnds:
    """Return a graph's inputs and outputs.

    Parameters
    ----------
    reconstruction, codes : str
        Names of the graph's outputs; a single output of the input's size is the reconstruction, any other the codes.

    Raises
    ------
    ModelFileError
        If the graph takes several inputs, several windows at once, or other than float32 or int8 values.
    UsageError
        If it has several outputs and none is named, or none has that name.
    """
    graph = parsed.subgraph
    entries = [graph.tensors[index] for index in graph.inputs]
    tensors = {graph.tensors[index].name.decode(): graph.tensors[index] for index in graph.outputs}
    for tensor in [*entries, *tensors.values()]:
        _check_type(tensor)
    if len(entries) != 1 or entries[0].shape is None or len(entries[0].shape) < 2 or entries[0].shape[0] != 1:
        shapes = ", ".join(str([] if entry.shape is None else list(map(int, entry.shape))) for entry in entries)
        raise ModelFileError(
            f"expected a graph of one input of shape (1, …): one window at a time. Received: {shapes or 'no input'}. "
            "Convert the model again with a batch of 1."
        )
    (entry,) = entries
    shape = tuple(int(size) for size in entry.shape[1:])
    named = _named(tensors, reconstruction, codes, int(np.prod(shape)))
    outputs = tuple(_output(meaning, name, tensors[name]) for meaning, name in named.items())
    scale, zero_point = scale_of(entry) or (0.0, 0)
    quantization = Quantization("int8" if scale else "as converted", "tensor", scale, zero_point)
    return GraphEnds(shape, quantization, outputs)


def _check_type(tensor: Any) -> None:
    is_int8 = tensor.type == _INT8 and scale_of(tensor) is not None
    if tensor.type != _FLOAT32 and not is_int8:
        raise ModelFileError(
            f"expected a graph that takes and gives float32, or int8 with a scale. Received: "
            f"{type_name(tensor)} in {tensor.name.decode()!r}. Convert the model again."
        )


def _named(tensors: dict[str, Any], reconstruction: str, codes: str, inputs: int) -> dict[str, str]:
    """Return the graph's names of ``reconstruction`` and ``codes``."""
    named = {meaning: name for meaning, name in (("reconstruction", reconstruction), ("codes", codes)) if name}
    there = "; ".join(f"{name!r} of {_width(tensor)} values" for name, tensor in tensors.items())
    if not named and len(tensors) == 1:
        ((name, tensor),) = tensors.items()
        return {"reconstruction" if _width(tensor) == inputs else "codes": name}
    if not named or not set(named.values()) <= set(tensors):
        raise UsageError(
            "which output is which? Expected --reconstruction NAME, --codes NAME or both, of the graph's outputs "
            f"{there}. Received: {', '.join(map(repr, named.values())) or 'neither'}."
        )
    if reconstruction and _width(tensors[reconstruction]) != inputs:
        raise UsageError(
            f"--reconstruction: expected an output of {inputs} values, as many as the inputs. Outputs there: {there}."
        )
    return named


def _output(meaning: str, name: str, tensor: Any) -> QuantizedTensor:
    scale, zero_point = scale_of(tensor) or (0.0, 0)
    return QuantizedTensor(meaning, scale, zero_point, "" if name == meaning else name)


def _width(tensor: Any) -> int:
    return int(np.prod([int(size) for size in tensor.shape[1:]]))
