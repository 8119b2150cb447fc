"""Dense layers, and whole detectors, as ONNX files in float32 and quantised to int8 the way ONNX Runtime recommends."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.inference.heads import Head
from edge_runtime.signal.preprocessing import gain
from training.run_folder import DenseLayer, RunFolder

_OPS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "elu": "Elu", "selu": "Selu", "softplus": "Softplus"}
_OPSET = 17  # the newest that every ONNX Runtime since 1.13 reads
_N_WINDOWS = 500


class _Graph:
    """Nodes in a row, each fed with the one before."""

    def __init__(self, entry_shape: Sequence[int | str]) -> None:
        from onnx import TensorProto, helper

        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.quantized: list[str] = []
        self.last = "window"
        self._entry = helper.make_tensor_value_info("window", TensorProto.FLOAT, entry_shape)

    def weight(self, values: Any) -> str:
        from onnx import numpy_helper

        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(self, op: str, inputs: Sequence[str] | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs or [self.last], [name], name=name, **attributes))
        self.last = name
        return name

    def add_layers(self, layers: Sequence[DenseLayer]) -> str:
        for layer in layers:
            inputs = [self.last, self.weight(layer.kernel), self.weight(layer.bias)]
            self.quantized.append(self.add("Gemm", inputs))
            if layer.activation != "linear":
                self.quantized.append(self.add(_OPS[layer.activation]))
        return self.last

    def write(self, path: Path, result_shape: Sequence[int | str]) -> None:
        from onnx import TensorProto, helper

        result = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, result_shape)
        graph = helper.make_graph(self.nodes, "saelite", [self._entry], [result], self.weights)
        opset = [helper.make_opsetid("", _OPSET)]
        path.write_bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def write_encoder(layers: Sequence[DenseLayer], windows: FloatArray, folder: Path) -> dict[str, Path]:
    """Write the layers alone; return the paths by what they compute in.

    Parameters
    ----------
    windows : ndarray of shape (n, inputs), float32
        Scaled windows the int8 ranges are taken from.
    """
    graph = _Graph(["n", windows.shape[1]])
    graph.add_layers(layers)
    return _write_both(graph, ["n", layers[-1].kernel.shape[1]], windows, folder / "encoder")


def write_detector(run: RunFolder, head: Head, folder: Path) -> dict[str, Path]:
    """Write raw window to score, for heads that need no decoder; only the network is quantised, as in our own file."""
    preprocessing = run.spec.preprocessing
    graph = _Graph(["n", preprocessing.window, preprocessing.sensors])
    graph.add("Sub", ["window", graph.weight(np.asarray(preprocessing.center, np.float32))])
    graph.add("Mul", [graph.last, graph.weight(gain(preprocessing.scale))])
    limits = [graph.weight(np.float32(limit)) for limit in (-preprocessing.limit, preprocessing.limit)]
    graph.add("Clip", [graph.last, *limits])
    inputs = graph.add("Flatten", axis=1)
    codes = graph.add_layers(run.network.encoder)
    if "inputs" in head.parts:
        graph.add("Concat", [inputs, codes], axis=1)
    bias = (-head.mean.astype(np.float64) @ head.whitening).astype(np.float32)
    graph.add("Gemm", [graph.last, graph.weight(head.whitening), graph.weight(bias)])
    graph.add("Mul", [graph.last, graph.last])
    graph.add("ReduceSum", [graph.last, graph.weight(np.array([1]))], keepdims=0)
    return _write_both(graph, ["n"], run.windows.windows, folder / "detector")


def _write_both(graph: _Graph, result: Sequence[int | str], windows: FloatArray, stem: Path) -> dict[str, Path]:
    from onnxruntime import quantization

    paths = {name: stem.with_name(f"{stem.name}_{name}.onnx") for name in ("float32", "int8")}
    graph.write(paths["float32"], result)
    batches = iter([{"window": window[None]} for window in windows[:_N_WINDOWS]])

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc] # the package has no types
        def get_next(self) -> Any:
            return next(batches, None)

    # It recommends a preparation that changes nothing in a row of dense layers.
    logging.getLogger().setLevel(logging.ERROR)
    quantization.quantize_static(
        paths["float32"], paths["int8"], Reader(), nodes_to_quantize=graph.quantized,
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
    )  # fmt: skip
    return paths
