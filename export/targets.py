"""Where an exported file will run, and what that target supports. A new target is one more entry in `TARGETS`.

The ops and their newest versions are those the runtime registers (``tensorflow/lite/core/kernels/register.cc``
of TensorFlow 2.14 for tflite-runtime) or its documentation lists (https://coral.ai/docs/edgetpu/models-intro for
the Edge TPU; ``all_ops_resolver`` of tflite-micro). A matching version proves little, so the exporter also runs
the file in every runtime of the target that it finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_runtime.errors import UsageError
from edge_runtime.inference.runtimes import RUNTIMES

DETECTOR, NETWORK = "detector", "network"
MICRO = "tflite-micro"
"""TensorFlow Lite Micro, the distribution; a runtime of export alone: no device opens files in it from Python."""


@dataclass(frozen=True)
class Target:
    """One kind of device or runtime.

    Parameters
    ----------
    name : str
        Its name in ``--target``.
    graph : str
        ``detector``: float32 window in, score out. ``network``: batch 1, the host scales and scores.
    schemes : tuple of str
        Of `export.quantization.SCHEMES`; the first is the default.
    granularity : str
        ``tensor`` or ``channel``: what one weight scale covers.
    runtimes : tuple of str
        Runtimes that open the file. Each that is installed must run it.
    ops : mapping of str to int
        Allowed ops with their newest version.
    max_rank : int
        Maximum number of dimensions of a tensor.
    never_run : tuple of str
        What the exporter cannot check without the device; recorded in the manifest.
    packs_head : bool
        Whether the host scores in integers, see `edge_runtime.inference.packed_head`.
    """

    name: str
    graph: str
    schemes: tuple[str, ...]
    granularity: str
    runtimes: tuple[str, ...]
    ops: Mapping[str, int]
    max_rank: int = 8
    never_run: tuple[str, ...] = ()
    packs_head: bool = False


_FLOAT_PARTS = {"ABS": 5, "ADD": 5, "CAST": 5, "CONCATENATION": 4, "DEQUANTIZE": 5, "DIV": 2, "ELU": 1, "EXP": 2,
                "GREATER": 2, "GREATER_EQUAL": 3, "LEAKY_RELU": 2, "LOG": 2, "MAXIMUM": 4, "MEAN": 3, "MINIMUM": 4,
                "MUL": 7, "NEG": 1, "QUANTIZE": 3, "REDUCE_MAX": 3, "REDUCE_MIN": 3, "RELU": 3, "RELU6": 3,
                "RESHAPE": 1, "SELECT": 4, "SELECT_V2": 2,
                "SLICE": 6, "SQRT": 1, "SQUARE": 1, "SQUARED_DIFFERENCE": 2, "STRIDED_SLICE": 8, "SUB": 5, "SUM": 2,
                "TOPK_V2": 3, "TRANSPOSE": 6}  # fmt: skip
_TFLITE_OPS = {**_FLOAT_PARTS, "FULLY_CONNECTED": 10, "LOGISTIC": 3, "TANH": 3}
_LITERT_OPS = {**_TFLITE_OPS, "FULLY_CONNECTED": 12}
# Only ops that the compiler maps and a dense network can hold, in the versions that converters of its time wrote.
EDGETPU_OPS = {"ADD": 2, "CONCATENATION": 2, "FULLY_CONNECTED": 5, "LOGISTIC": 2, "MAXIMUM": 2, "MINIMUM": 2, "MUL": 2,
               "QUANTIZE": 2, "RELU": 2, "RELU6": 2, "RELU_N1_TO_1": 1, "RESHAPE": 1, "SUB": 2, "TANH": 2}  # fmt: skip
_MICRO_OPS = {"ADD": 5, "DEQUANTIZE": 5, "ELU": 1, "EXP": 2, "FULLY_CONNECTED": 10, "LEAKY_RELU": 2, "LOG": 2,
              "LOGISTIC": 3, "MAXIMUM": 4, "MINIMUM": 4, "MUL": 7, "QUANTIZE": 3, "RELU": 3, "RELU6": 3, "RESHAPE": 1,
              "SUB": 5, "TANH": 3}  # fmt: skip
# Ops of one value become tables or functions; what the graph does with them, `export.c_library.network` checks.
_C_OPS = {name: version for name, version in _MICRO_OPS.items() if name != "DEQUANTIZE"}
_ALL_SCHEMES = ("int8", "mixed", "int16x8", "float32", "dynamic", "float16")
LADDER = ("int8", "mixed", "int16x8", "float32")
"""Schemes that export tries by itself, from the narrowest to the widest."""
_EVERY_RUNTIME = tuple(RUNTIMES)

TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        # Per tensor: tflite-runtime 2.14 has no dynamic-range layers with a scale per channel.
        Target("cpu", DETECTOR, _ALL_SCHEMES, "tensor", _EVERY_RUNTIME, _TFLITE_OPS),
        Target("litert", DETECTOR, _ALL_SCHEMES, "channel", ("ai-edge-litert",), _LITERT_OPS),
        Target("tflite-runtime", DETECTOR, _ALL_SCHEMES, "tensor", ("tflite-runtime",), _TFLITE_OPS),
        Target(
            "edgetpu",
            NETWORK,
            ("int8",),
            "tensor",
            _EVERY_RUNTIME,
            EDGETPU_OPS,
            3,
            ("no Edge TPU: run on the CPU, before compilation",),
        ),
        Target(
            "c",
            NETWORK,
            ("int8", "float32"),
            "tensor",
            _EVERY_RUNTIME,
            _C_OPS,
            never_run=("no board",),
            packs_head=True,
        ),
        Target(
            "micro",
            NETWORK,
            ("int8", "float32"),
            "tensor",
            (*_EVERY_RUNTIME, MICRO),
            _MICRO_OPS,
            never_run=("no board",),
            packs_head=True,
        ),
    )
}


def find_target(name: str, scheme: str | None) -> tuple[Target, tuple[str, ...]]:
    """Return the target called `name` and the schemes to try: the requested one, or the target's ladder.

    Raises
    ------
    UsageError
        If there is no such target, or it does not support the scheme.
    """
    if name not in TARGETS:
        raise UsageError(f"unknown target: expected one of {', '.join(TARGETS)}. Received: {name!r}")
    target = TARGETS[name]
    if scheme is None:
        return target, tuple(one for one in LADDER if one in target.schemes)
    if scheme not in target.schemes:
        raise UsageError(
            f"target {name} has no scheme {scheme}: expected one of {', '.join(target.schemes)}. Received: {scheme!r}"
        )
    return target, (scheme,)
