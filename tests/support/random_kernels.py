"""Random graphs of one quantised op, with any scales that the kernels take, and inputs for them."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tflite_graphs import GraphBuilder

_ROWS = 64
_ACTIVATIONS = (0, 1, 3)  # none, ReLU, ReLU6


def _scale(rng, low=-12.0, high=1.0):
    return np.float32(2.0 ** rng.uniform(low, high))


def _every(dtype, rng):
    ends = np.iinfo(dtype)
    if dtype == "int8":
        return np.arange(ends.min, ends.max + 1).astype(dtype)[None]
    return rng.integers(ends.min, ends.max + 1, 2048).astype(dtype)[None]


def _zero(dtype, rng):
    return int(rng.integers(-128, 128)) if dtype == "int8" else 0


def dense(rng, dtype, *, has_bias=True):
    """FULLY_CONNECTED on int8, or on int16 with int8 weights and int64 biases."""
    depth, units, per_channel = int(rng.integers(1, 97)), int(rng.integers(1, 65)), bool(rng.integers(2))
    ends = np.iinfo(dtype)
    values = rng.integers(ends.min, ends.max + 1, (_ROWS, depth)).astype(dtype)
    weights = rng.integers(-127, 128, (units, depth), np.int8)
    x_scale, x_zero, out_zero = _scale(rng), _zero(dtype, rng), _zero(dtype, rng)
    w_scales = np.exp(rng.uniform(-6, 0, units if per_channel else 1)).astype(np.float32)
    bias = rng.integers(-5000, 5000, units, np.int32 if dtype == "int8" else np.int64)
    bias = bias if has_bias else bias * 0
    reach = np.abs((values.astype(np.int64) - x_zero) @ weights.T.astype(np.int64) + bias) * x_scale * w_scales
    out_scale = np.float32(max(reach.max(), 1e-6) / (rng.uniform(0.1, 2.4) * ends.max))
    builder, zeros = GraphBuilder(), [0] * len(w_scales)
    x = builder.tensor(values.shape, dtype, [x_scale], [x_zero])
    w = builder.constant(weights, w_scales, zeros)
    inputs = [x, w, builder.constant(bias, x_scale * w_scales, zeros) if has_bias else -1]
    out = builder.tensor((_ROWS, units), dtype, [out_scale], [out_zero])
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = int(rng.choice(_ACTIVATIONS))
    builder.op("FULLY_CONNECTED", inputs, out, options, version=4 if dtype == "int8" else 7)
    return builder.build([x], [out]), values


def _pointwise(name, values, entry, result, shape_of=None):
    builder = GraphBuilder()
    x = builder.tensor(values.shape, values.dtype.name, *entry)
    out = builder.tensor(shape_of or values.shape, *result)
    builder.op(name, [x], out, None, version=2)
    return builder.build([x], [out]), values


def activation(name, rng, dtype):
    """LOGISTIC or TANH with the output scale that they demand."""
    steps = {"LOGISTIC": {"int8": 256, "int16": 32768}, "TANH": {"int8": 128, "int16": 32768}}[name][dtype]
    zero = -128 if (name, dtype) == ("LOGISTIC", "int8") else 0
    # int16 inputs that are a power of two take another way through the kernel.
    scale = _scale(rng, -12 if dtype == "int8" else -18)
    if rng.integers(4) == 0:
        scale = np.float32(2.0 ** -int(rng.integers(11, 13)))
    entry = ([scale], [_zero(dtype, rng)])
    return _pointwise(name, _every(dtype, rng), entry, (dtype, [np.float32(1 / steps)], [zero]))


def rectifier(name, rng, dtype):
    """RELU or RELU6."""
    scale = _scale(rng)
    out = (dtype, [scale * np.float32(2.0 ** rng.uniform(-3, 3))], [_zero(dtype, rng)])
    return _pointwise(name, _every(dtype, rng), ([scale], [_zero(dtype, rng)]), out)


def quantizing(rng, dtype):
    """QUANTIZE from float32: any values, and halves on purpose."""
    scale = _scale(rng)
    reach = np.iinfo(dtype).max * scale
    values = np.concatenate([rng.normal(0, reach, 512), rng.integers(-40000, 40000, 512) * 0.5 * scale])
    return _pointwise("QUANTIZE", values.astype(np.float32)[None], (), (dtype, [scale], [_zero(dtype, rng)]))


def requantizing(rng, dtype):
    """QUANTIZE from one scale to another."""
    scale = _scale(rng)
    out = (dtype, [scale * np.float32(2.0 ** rng.uniform(-4, 4))], [_zero(dtype, rng)])
    return _pointwise("QUANTIZE", _every(dtype, rng), ([scale], [_zero(dtype, rng)]), out)


def dequantizing(rng, dtype):
    """DEQUANTIZE."""
    return _pointwise("DEQUANTIZE", _every(dtype, rng), ([_scale(rng)], [_zero(dtype, rng)]), ("float32",))


KERNELS = {
    f"{name} {dtype}": (make, dtype)
    for dtype in ("int8", "int16")
    for name, make in {
        "FULLY_CONNECTED": dense,
        "FULLY_CONNECTED without bias": lambda rng, dtype: dense(rng, dtype, has_bias=False),
        "LOGISTIC": lambda rng, dtype: activation("LOGISTIC", rng, dtype),
        "TANH": lambda rng, dtype: activation("TANH", rng, dtype),
        "RELU": lambda rng, dtype: rectifier("RELU", rng, dtype),
        "RELU6": lambda rng, dtype: rectifier("RELU6", rng, dtype),
        "QUANTIZE from float32": quantizing,
        "QUANTIZE": requantizing,
        "DEQUANTIZE": dequantizing,
    }.items()
}
"""What is swept: a name to a function of a generator and a type that makes a graph and its input."""
