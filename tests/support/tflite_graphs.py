"""Small TFLite graphs built by hand, to compare kernels op by op."""

from dataclasses import dataclass, field

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.flatbuffer import serialize

_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "int32": schema.TensorType.INT32,
    "int8": schema.TensorType.INT8,
    "int16": schema.TensorType.INT16,
    "int64": schema.TensorType.INT64,
    "uint8": schema.TensorType.UINT8,
    "bool": schema.TensorType.BOOL,
}


@dataclass
class Tensor:
    """One tensor: a constant if it has data."""

    shape: tuple
    dtype: str = "float32"
    scales: tuple = ()
    zero_points: tuple = ()
    data: object = None
    axis: int = 0
    name: str = ""


@dataclass
class Op:
    """One op: numbers of its tensors, and its options object."""

    name: str
    inputs: tuple
    output: int
    options: object = None
    version: int = 1


@dataclass
class GraphBuilder:
    """Collects tensors and ops; `build` gives the flatbuffer."""

    tensors: list = field(default_factory=list)
    ops: list = field(default_factory=list)

    def tensor(self, shape, dtype="float32", scales=(), zero_points=(), data=None, axis=0, name=""):
        self.tensors.append(Tensor(tuple(shape), dtype, tuple(scales), tuple(zero_points), data, axis, name))
        return len(self.tensors) - 1

    def constant(self, array, scales=(), zero_points=(), axis=0):
        array = np.asarray(array)
        return self.tensor(array.shape, array.dtype.name, scales, zero_points, array, axis)

    def op(self, name, inputs, output, options=None, version=1):
        self.ops.append(Op(name, tuple(inputs), output, options, version))
        return output

    def build(self, inputs, outputs):
        model, graph = schema.ModelT(), schema.SubGraphT()
        model.version, model.subgraphs, model.operatorCodes = 3, [graph], []
        model.buffers = [schema.BufferT()]
        graph.tensors = [self._tensor(model, number, entry) for number, entry in enumerate(self.tensors)]
        graph.inputs, graph.outputs = list(inputs), list(outputs)
        graph.operators = [self._operator(model, entry) for entry in self.ops]
        return serialize(model)

    @staticmethod
    def _tensor(model, number, entry):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = entry.name or f"t{number}", list(entry.shape), _TYPES[entry.dtype]
        tensor.buffer = 0
        if entry.data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(entry.data).tobytes(), np.uint8)
            model.buffers.append(buffer)
            tensor.buffer = len(model.buffers) - 1
        if entry.scales:
            quantization = schema.QuantizationParametersT()
            quantization.scale, quantization.zeroPoint = list(entry.scales), list(entry.zero_points)
            quantization.quantizedDimension = entry.axis
            tensor.quantization = quantization
        return tensor

    @staticmethod
    def _operator(model, entry):
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, entry.name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = entry.version
        model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.inputs, operator.outputs = list(entry.inputs), [entry.output]
        if entry.options is not None:
            kind = type(entry.options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = entry.options
        return operator
