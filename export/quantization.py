"""Quantising the network inside a graph. In a whole-detector graph scaling and head stay float."""

from __future__ import annotations

import warnings

import numpy as np
from litert_quantizer import qtyping, quantizer

from edge_runtime.arrays import FloatArray
from edge_runtime.common.silence import silent_stderr
from edge_runtime.signal.preprocessing import UNLIMITED, Preprocessing
from export.flatbuffer import ParsedFlatbuffer, changed, name_outputs
from export.graph.network_graph import FIRST_LAYER_SCOPE, SECOND_LAYER_SCOPE
from export.graph.preprocessing_graph import SCALING_SCOPE
from export.graph.writer import SIGNATURE
from export.inference_graph import FLOAT_SCOPES
from export.op_versions import set_op_versions
from export.targets import NETWORK, Target

SCHEMES = {
    "int8": "weights and activations in 8 bits",
    "mixed": "the first layer in float32, the others in 8 bits: for few inputs, which 8 bits would round too coarsely",
    "int16x8": "weights in 8 bits, activations in 16",
    "dynamic": "weights in 8 bits, activations quantised separately for each window",
    "float16": "weights in 16-bit float, arithmetic in float32",
    "float32": "nothing is quantised",
}
# sigmoid(8) is less than a tenth of an int8 step away from 1.
_SIGMOID_REACH = 8.0
INPUT_REACH = 8.0
"""Largest scaled input that an integer network tells from larger ones; the head takes them as they are."""
_MARGIN = 0.25
# Ops are chosen by the name of what they give.
_NETWORK_OPS = f"^(?!({'|'.join(FLOAT_SCOPES)})/)"
_OP = qtyping.TFLOperationName
_STATIC_OPS = (_OP.FULLY_CONNECTED, _OP.LOGISTIC, _OP.TANH)
_GRANULARITY = {"tensor": qtyping.QuantGranularity.TENSORWISE, "channel": qtyping.QuantGranularity.CHANNELWISE}
_FLOAT16 = qtyping.OpQuantizationConfig(
    weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
    compute_precision=qtyping.ComputePrecision.FLOAT,
    explicit_dequantize=True,
)


def quantize(
    float_graph: ParsedFlatbuffer, scheme: str, target: Target, representative: FloatArray
) -> ParsedFlatbuffer:
    """Return the graph with its network quantised, and its outputs named as in its signature.

    Parameters
    ----------
    float_graph : ParsedFlatbuffer
        From `export.inference_graph`.
    scheme : str
        A key of `SCHEMES`.
    target : Target
        Determines whether weights have a scale per tensor or per channel; a network graph is quantised up to its
        inputs and outputs.
    representative : ndarray of shape (n, …), float32
        Inputs of the graph, see `representative_dataset`.
    """
    if scheme == "float32":
        return float_graph
    tool = quantizer.Quantizer(float_graph.content)
    granularity = _GRANULARITY[target.granularity]
    if scheme == "dynamic":
        tool.add_dynamic_config(_NETWORK_OPS, _OP.FULLY_CONNECTED, 8, granularity=granularity)
    elif scheme == "float16":
        tool.update_quantization_recipe(_NETWORK_OPS, _OP.FULLY_CONNECTED, _FLOAT16, "float_casting")
    else:
        bits = {"int8": 8, "mixed": 8, "int16x8": 16}[scheme]
        where = _later_layers(float_graph) if scheme == "mixed" else _NETWORK_OPS
        for name in _STATIC_OPS:
            tool.add_static_config(where, name, bits, 8, weight_granularity=granularity)
        for name in (_OP.INPUT, _OP.OUTPUT) if target.graph == NETWORK else ():
            tool.add_static_config(".*", name, bits, 8)
    with silent_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ranges = _ranges(tool, float_graph, representative) if tool.need_calibration else None
        result = tool.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return changed(bytes(result.quantized_model), name_outputs, set_op_versions)


def _later_layers(float_graph: ParsedFlatbuffer) -> str:
    """Return the pattern of all layers' ops but the first one's, whose result may have an output's name."""
    layers = {tensor.name.decode().partition("/")[0] for tensor in float_graph.subgraph.tensors}
    result = "hidden_0" if SECOND_LAYER_SCOPE in layers else "codes"
    return f"^(?!({'|'.join((*FLOAT_SCOPES, FIRST_LAYER_SCOPE))})/|{result}$)"


def _ranges(
    tool: quantizer.Quantizer, float_graph: ParsedFlatbuffer, representative: FloatArray
) -> dict[str, dict[str, FloatArray]]:
    """Return the range of each tensor over the representative dataset."""
    (name,) = float_graph.signature_inputs
    # All windows as one sample: over several samples the tool would average the ranges instead of taking the widest.
    ranges: dict[str, dict[str, FloatArray]] = tool.calibrate({SIGNATURE: [{name: representative}]}, num_threads=1)
    # A scaled input beyond 8 is as extreme to the network as one of 8, and steps over the whole range would be coarser.
    for tensor, limits in ranges.items():
        if tensor.startswith(f"{SCALING_SCOPE}/"):
            _narrow(limits, INPUT_REACH)
    # Int8 steps over a range of ± 40 would be 0.3 wide, too coarse to separate codes. Values that feed only a
    # sigmoid need no range beyond the one in which the sigmoid changes.
    for tensor in set(float_graph.sole_inputs_of("LOGISTIC")) & ranges.keys():
        _narrow(ranges[tensor], _SIGMOID_REACH)
    return ranges


def _narrow(limits: dict[str, FloatArray], reach: float) -> None:
    limits["min"], limits["max"] = np.maximum(limits["min"], -reach), np.minimum(limits["max"], reach)


def representative_dataset(windows: FloatArray, preprocessing: Preprocessing) -> FloatArray:
    """Return normal windows plus, for each sensor, windows with that sensor at its limit on either side.

    Normal windows alone would clip anomalies at the quantised input. The limit is that of the preprocessing; raw
    values have none, so it is a quarter of the sensor's range beyond what was seen.

    Parameters
    ----------
    windows : ndarray of shape (n, window, sensors), float32

    Returns
    -------
    ndarray of shape (n + m, window, sensors), float32
        m is 2 * sensors, and more with features: see `_shapes`.
    """
    center, scale = np.asarray(preprocessing.center, np.float32), np.asarray(preprocessing.scale, np.float32)
    low, high = center - preprocessing.limit * scale, center + preprocessing.limit * scale
    if preprocessing.limit >= UNLIMITED:
        lowest, highest = windows.min(axis=(0, 1)), windows.max(axis=(0, 1))
        center, margin = windows.mean(axis=(0, 1)), _MARGIN * (highest - lowest)
        low, high = lowest - margin, highest + margin
    shapes = _shapes(preprocessing)
    far = np.tile(center, (len(shapes) * preprocessing.sensors, preprocessing.window, 1))
    for sensor in range(preprocessing.sensors):
        chosen = slice(sensor * len(shapes), (sensor + 1) * len(shapes))
        far[chosen, :, sensor] = (high[sensor] + low[sensor]) / 2 + shapes * (high[sensor] - low[sensor]) / 2
    return np.concatenate([windows, far], dtype=np.float32)


def _shapes(preprocessing: Preprocessing) -> FloatArray:
    """Return the most extreme shapes of one sensor over a window, shape (n, window), from -1 to 1.

    Levels for values; for features also slopes, alternation, and a tone in each band of a spectrum.
    """
    time = np.arange(preprocessing.window)
    courses = [np.ones(len(time)), -np.ones(len(time))]
    if preprocessing.features != ("values",):
        rise = 2.0 * time / max(1, len(time) - 1) - 1.0
        courses += [rise, -rise, (-1.0) ** time]
    for _, weights in preprocessing.spectra.values():
        courses += [np.sin(2 * np.pi * (band.argmax() * time / len(time) + 0.125)) for band in weights]
    return np.array(courses)
