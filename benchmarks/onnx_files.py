"""Dense layers as ONNX files, in float32 and quantised to int8 the way ONNX Runtime recommends."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_runtime.preprocessing import FloatArray
from edge_runtime.run_folder import DenseLayer

_OPS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "elu": "Elu", "selu": "Selu", "softplus": "Softplus"}
_OPSET = 17  # the newest that every ONNX Runtime since 1.12 reads


def write_onnx(layers: Sequence[DenseLayer], windows: FloatArray, folder: Path) -> dict[str, Path]:
    """Write both files and return their paths by what they compute in.

    Parameters
    ----------
    windows : ndarray of shape (n, inputs), float32
        Scaled windows the int8 ranges are taken from.
    """
    from onnxruntime import quantization

    paths = {name: folder / f"encoder_{name}.onnx" for name in ("float32", "int8")}
    paths["float32"].write_bytes(_model(layers, windows.shape[1]).SerializeToString())
    batches = iter([{"window": window[None]} for window in windows[:500]])

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc] # the package has no types
        def get_next(self) -> Any:
            return next(batches, None)

    # It recommends a preparation that needs sympy and changes nothing in a row of dense layers.
    logging.getLogger().setLevel(logging.ERROR)
    quantization.quantize_static(
        paths["float32"], paths["int8"], Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
    )  # fmt: skip
    return paths


def _model(layers: Sequence[DenseLayer], inputs: int) -> Any:
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, last = [], [], "window"
    for number, layer in enumerate(layers):
        weights += [
            numpy_helper.from_array(layer.kernel, f"k{number}"),
            numpy_helper.from_array(layer.bias, f"b{number}"),
        ]
        nodes.append(helper.make_node("Gemm", [last, f"k{number}", f"b{number}"], [f"z{number}"]))
        last = f"z{number}"
        if layer.activation != "linear":
            nodes.append(helper.make_node(_OPS[layer.activation], [last], [f"y{number}"]))
            last = f"y{number}"
    entry = helper.make_tensor_value_info("window", TensorProto.FLOAT, ["n", inputs])
    result = helper.make_tensor_value_info(last, TensorProto.FLOAT, ["n", layers[-1].kernel.shape[1]])
    graph = helper.make_graph(nodes, "encoder", [entry], [result], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
