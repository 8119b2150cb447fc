"""The ops that a graph may hold, and the number of tensors each takes.

Excluded are control flow, variables, hash tables, random numbers, texts, and custom ops other than the Edge TPU's. The
runtimes trust an op to have as many inputs as it needs.
"""

from __future__ import annotations

from typing import NamedTuple

CUSTOM = 32
EDGETPU_OP = "edgetpu-custom-op"


class Arity(NamedTuple):
    """Number of inputs and outputs of an op.

    Parameters
    ----------
    name : str
    fewest, most : int
        Inputs.
    outputs : int
        Exact number of outputs; 0 means any number from 1.
    optional : tuple of int
        Inputs that may be absent, written as -1.
    """

    name: str
    fewest: int
    most: int
    outputs: int = 1
    optional: tuple[int, ...] = ()


_MANY = 1 << 10
_UNARY = {
    6: "DEQUANTIZE", 8: "FLOOR", 11: "L2_NORMALIZATION", 14: "LOGISTIC", 19: "RELU", 20: "RELU_N1_TO_1", 21: "RELU6",
    25: "SOFTMAX", 28: "TANH", 47: "EXP", 50: "LOG_SOFTMAX", 53: "CAST", 59: "NEG", 66: "SIN", 73: "LOG", 75: "SQRT",
    76: "RSQRT", 77: "SHAPE", 87: "LOGICAL_NOT", 92: "SQUARE", 93: "ZEROS_LIKE", 98: "LEAKY_RELU", 101: "ABS",
    104: "CEIL", 108: "COS", 110: "RANK", 111: "ELU", 114: "QUANTIZE", 116: "ROUND", 117: "HARD_SWISH", 150: "GELU",
    152: "RELU_0_TO_1", 1: "AVERAGE_POOL_2D", 17: "MAX_POOL_2D", 12: "L2_POOL_2D", 5: "DEPTH_TO_SPACE",
    26: "SPACE_TO_DEPTH", 43: "SQUEEZE", 158: "SIGN",
}  # fmt: skip
_BINARY = {
    0: "ADD", 18: "MUL", 41: "SUB", 42: "DIV", 54: "PRELU", 55: "MAXIMUM", 57: "MINIMUM", 58: "LESS", 61: "GREATER",
    62: "GREATER_EQUAL", 63: "LESS_EQUAL", 71: "EQUAL", 72: "NOT_EQUAL", 78: "POW", 84: "LOGICAL_OR",
    86: "LOGICAL_AND", 90: "FLOOR_DIV", 95: "FLOOR_MOD", 99: "SQUARED_DIFFERENCE", 126: "BATCH_MATMUL",
    34: "PAD", 39: "TRANSPOSE", 40: "MEAN", 56: "ARG_MAX", 70: "EXPAND_DIMS", 74: "SUM", 79: "ARG_MIN",
    81: "REDUCE_PROD", 82: "REDUCE_MAX", 89: "REDUCE_MIN", 36: "GATHER", 69: "TILE", 130: "BROADCAST_TO", 94: "FILL",
    23: "RESIZE_BILINEAR", 97: "RESIZE_NEAREST_NEIGHBOR", 100: "MIRROR_PAD", 105: "REVERSE_V2", 107: "GATHER_ND",
}  # fmt: skip
ARITIES: dict[int, Arity] = {
    **{code: Arity(name, 1, 1) for code, name in _UNARY.items()},
    **{code: Arity(name, 2, 2) for code, name in _BINARY.items()},
    2: Arity("CONCATENATION", 1, _MANY),
    3: Arity("CONV_2D", 2, 3, optional=(2,)),
    4: Arity("DEPTHWISE_CONV_2D", 2, 3, optional=(2,)),
    9: Arity("FULLY_CONNECTED", 2, 3, optional=(2,)),
    22: Arity("RESHAPE", 1, 2),
    45: Arity("STRIDED_SLICE", 4, 4),
    48: Arity("TOPK_V2", 2, 2, 2),
    49: Arity("SPLIT", 2, 2, 0),
    60: Arity("PADV2", 3, 3),
    64: Arity("SELECT", 3, 3),
    65: Arity("SLICE", 3, 3),
    67: Arity("TRANSPOSE_CONV", 3, 4, optional=(3,)),
    106: Arity("ADD_N", 1, _MANY),
    83: Arity("PACK", 1, _MANY),
    88: Arity("UNPACK", 1, 1, 0),
    102: Arity("SPLIT_V", 3, 3, 0),
    123: Arity("SELECT_V2", 3, 3),
    CUSTOM: Arity(EDGETPU_OP, 1, _MANY, 0),
}
# Options used as divisors, zero by default: op to the fields that must be above zero.
DIVISORS = {1: (1, 2), 3: (1, 2), 4: (1, 2), 5: (0,), 12: (1, 2), 17: (1, 2), 26: (0,), 67: (1, 2)}
# Options that hold a vector: op to field and the `struct` letter of its numbers. All others hold numbers alone.
OPTION_VECTORS = {22: (0, "i"), 43: (0, "i")}
