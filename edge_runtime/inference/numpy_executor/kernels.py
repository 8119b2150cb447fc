"""Which kernel runs which op: numbers of BuiltinOperator in the TFLite schema."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_runtime.inference.numpy_executor import pointwise, shapes
from edge_runtime.inference.numpy_executor.dense import batch_matmul, fully_connected
from edge_runtime.inference.numpy_executor.int16_activations import int16_logistic, int16_tanh
from edge_runtime.inference.numpy_executor.kernel import Prepare
from edge_runtime.inference.numpy_executor.micro_activations import logistic_table, tanh_table
from edge_runtime.inference.numpy_executor.pointwise import arithmetic, elu, extreme, logistic, nearest, relu, unary
from edge_runtime.inference.numpy_executor.shapes import reduction

KERNELS: Mapping[int, tuple[str, Prepare]] = {
    0: ("ADD", pointwise.add(1)),
    2: ("CONCATENATION", shapes.concatenation),
    6: ("DEQUANTIZE", pointwise.dequantize),
    9: ("FULLY_CONNECTED", fully_connected),
    14: ("LOGISTIC", unary(logistic(np.exp), logistic(nearest(np.exp)), int16_logistic, logistic_table)),
    18: ("MUL", pointwise.multiply),
    19: ("RELU", relu(0.0, np.inf)),
    20: ("RELU_N1_TO_1", relu(-1.0, 1.0)),
    21: ("RELU6", relu(0.0, 6.0)),
    22: ("RESHAPE", shapes.reshape),
    28: ("TANH", unary(np.tanh, nearest(np.tanh), int16_tanh, tanh_table)),
    39: ("TRANSPOSE", shapes.transpose),
    40: ("MEAN", reduction(np.mean)),
    41: ("SUB", pointwise.add(-1)),
    42: ("DIV", arithmetic(np.divide, 0)),
    43: ("SQUEEZE", shapes.squeeze),
    45: ("STRIDED_SLICE", shapes.strided_slice),
    47: ("EXP", unary(np.exp, nearest(np.exp))),
    53: ("CAST", pointwise.cast),
    55: ("MAXIMUM", extreme(np.maximum)),
    57: ("MINIMUM", extreme(np.minimum)),
    58: ("LESS", arithmetic(np.less)),
    59: ("NEG", arithmetic(np.negative)),
    48: ("TOPK_V2", shapes.top_k),
    61: ("GREATER", arithmetic(np.greater)),
    62: ("GREATER_EQUAL", arithmetic(np.greater_equal)),
    63: ("LESS_EQUAL", arithmetic(np.less_equal)),
    76: ("RSQRT", arithmetic(lambda x: np.float32(1) / np.sqrt(x))),
    89: ("REDUCE_MIN", reduction(np.min)),
    126: ("BATCH_MATMUL", batch_matmul),
    65: ("SLICE", shapes.slice_),
    70: ("EXPAND_DIMS", shapes.expand_dims),
    73: ("LOG", unary(np.log, nearest(np.log))),
    74: ("SUM", reduction(np.sum)),
    75: ("SQRT", arithmetic(np.sqrt)),
    77: ("SHAPE", shapes.shape),
    78: ("POW", arithmetic(np.power)),
    82: ("REDUCE_MAX", reduction(np.max)),
    92: ("SQUARE", arithmetic(np.square)),
    98: ("LEAKY_RELU", pointwise.leaky_relu),
    99: ("SQUARED_DIFFERENCE", arithmetic(lambda x, y: np.square(x - y), 0)),
    101: ("ABS", arithmetic(np.abs)),
    111: ("ELU", unary(elu(np.expm1), elu(nearest(np.expm1)))),
    114: ("QUANTIZE", pointwise.quantize),
    123: ("SELECT_V2", arithmetic(np.where)),
}
