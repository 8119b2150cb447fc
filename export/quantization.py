"""Quantising the network inside a detector graph; scaling and head stay float."""

from __future__ import annotations

import warnings

import numpy as np
from ai_edge_quantizer import qtyping, quantizer

from edge_runtime.errors import UsageError
from edge_runtime.preprocessing import FloatArray, Preprocessing
from edge_runtime.silence import silent_stderr
from export import flatbuffer
from export.inference_graph import HEAD_SCOPE

SCHEMES = ("int8", "float32")
_SIGNATURE = "serving_default"
# sigmoid(8) is less than a tenth of an int8 step away from 1.
_SIGMOID_REACH = 8.0
_QUANTIZED_OPS = (
    qtyping.TFLOperationName.FULLY_CONNECTED,
    qtyping.TFLOperationName.LOGISTIC,
    qtyping.TFLOperationName.TANH,
)


def quantize(float_graph: bytes, scheme: str, representative: FloatArray) -> bytes:
    """Return the graph with its network quantised.

    Parameters
    ----------
    float_graph : bytes
        From `export.inference_graph.build_float_graph`.
    scheme : str
        One of `SCHEMES`.
    representative : ndarray of shape (n, window, sensors), float32
        See `representative_dataset`.
    """
    if scheme not in SCHEMES:
        raise UsageError(f"unknown quantisation scheme: expected one of {', '.join(SCHEMES)}. Received: {scheme!r}")
    if scheme == "float32":
        return float_graph
    tool = quantizer.Quantizer(float_graph)
    for name in _QUANTIZED_OPS:
        # One scale per tensor: the per-channel kernels of tflite-runtime 2.14 accept such files and score wrongly.
        tool.add_static_config(
            f"^(?!.*{HEAD_SCOPE}/)", name, 8, 8, weight_granularity=qtyping.QuantGranularity.TENSORWISE
        )
    # All windows as one sample: over several the tool would average the ranges instead of taking the widest.
    with silent_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ranges = tool.calibrate({_SIGNATURE: [{"window": representative}]}, num_threads=1)
        _narrow_before_sigmoids(ranges, float_graph)
        result = tool.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return bytes(result.quantized_model)


def _narrow_before_sigmoids(ranges: dict[str, dict[str, FloatArray]], float_graph: bytes) -> None:
    """Limit the range of each sigmoid's input to where the sigmoid still moves.

    Int8 steps spread over a range of ± 40 would be 0.3 wide, and a code could not be told from the next.
    """
    for name in flatbuffer.inputs_of(float_graph, "LOGISTIC"):
        ranges[name]["min"] = np.maximum(ranges[name]["min"], -_SIGMOID_REACH)
        ranges[name]["max"] = np.minimum(ranges[name]["max"], _SIGMOID_REACH)


def representative_dataset(windows: FloatArray, preprocessing: Preprocessing) -> FloatArray:
    """Return normal windows plus, for each sensor, two windows with that sensor at its limit on either side.

    Normal windows alone would clip anomalies at the quantised input.

    Parameters
    ----------
    windows : ndarray of shape (n, window, sensors), float32

    Returns
    -------
    ndarray of shape (n + 2 * sensors, window, sensors), float32
    """
    center, scale = np.asarray(preprocessing.center, np.float32), np.asarray(preprocessing.scale, np.float32)
    sensors = preprocessing.sensors
    far = np.tile(center, (2 * sensors, preprocessing.window, 1))
    for sensor in range(sensors):
        reach = preprocessing.limit * scale[sensor]
        far[2 * sensor, :, sensor] += reach
        far[2 * sensor + 1, :, sensor] -= reach
    dataset: FloatArray = np.concatenate([windows, far]).astype(np.float32)
    return dataset
