"""TensorFlow Lite Micro as a runtime of the gate: the arena a network needs, and whether its values are right."""

from __future__ import annotations

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.numpy_executor import Interpreter
from edge_runtime.inference.numpy_executor.fixed_point import Rounding
from export import micro_worker
from export.flatbuffer import ParsedFlatbuffer, parse
from export.installed import InstalledRuntime
from export.worker_process import run_worker

# Float sums are added in another order than numpy's.
_FLOAT_TOLERANCE = 1e-4
_TIPPED_SHARE = 0.01


def run_micro(
    installed: InstalledRuntime, flatbuffer: bytes, inputs: FloatArray
) -> tuple[dict[str, FloatArray], str, int]:
    """Return every output of a network for every input, by name; the architecture; and the arena in bytes.

    The arena is the smallest that the network runs in on this machine. Pointers of 64 bits make it larger than a
    microcontroller's of 32.

    Raises
    ------
    ModelFileError
        If TensorFlow Lite Micro cannot run the graph, or gives other values than the graph stands for.
    """
    graph = parse(flatbuffer)
    names = [output.name for output in graph.outputs]
    outputs, (machine, arena_bytes) = run_worker(installed, micro_worker, flatbuffer, inputs, *names)
    expected = _expected(graph, inputs)
    wrong = [name for name in names if not _agree(outputs[name], expected[name], graph)]
    if wrong:
        raise ModelFileError(
            f"{installed.title} computes other values than the graph stands for: expected those of the numpy executor "
            f"with its rounding. Received: {', '.join(_difference(name, outputs, expected) for name in wrong)}. "
            "Install another release of tflite-micro, or export with --quantize float32."
        )
    return outputs, machine, int(arena_bytes)


def _expected(graph: ParsedFlatbuffer, inputs: FloatArray) -> dict[str, FloatArray]:
    interpreter = Interpreter(graph.content, dense_rounding=Rounding.MICRO)
    (entry,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(entry["index"], inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry["index"], inputs)
    interpreter.invoke()
    return {details["name"]: interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()}


def _agree(received: FloatArray, expected: FloatArray, graph: ParsedFlatbuffer) -> bool:
    """Whether integers are the same, and floats nearly; float ops amid integers may tip a few to the next step."""
    if received.dtype == np.float32:
        return bool(np.allclose(received, expected, _FLOAT_TOLERANCE, _FLOAT_TOLERANCE))
    has_float_ops = any(op.name == "DEQUANTIZE" for op in graph.ops)
    return bool((received != expected).mean() <= (_TIPPED_SHARE if has_float_ops else 0.0))


def _difference(name: str, outputs: dict[str, FloatArray], expected: dict[str, FloatArray]) -> str:
    apart = np.abs(outputs[name].astype(np.float64) - expected[name])
    return f"{(apart > 0).mean():.2%} of {name} differ, by up to {apart.max():.3g}"
