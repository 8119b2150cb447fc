"""Running a flatbuffer on inputs in a process of its own, see `export.worker_loop`.

It needs only numpy and one interpreter, so it also runs in an environment without saelite. tflite_runtime cannot be
loaded beside tensorflow, hence one process per runtime.
"""

from __future__ import annotations

import importlib
import platform
from typing import Any

import numpy as np
import numpy.typing as npt

Outputs = dict[str, npt.NDArray[Any]]
# Bounds the memory of a runtime's intermediate results.
_TOGETHER = 4096


def run(graph: str, inputs_path: str, outputs_path: str, module: str, how: str, *names: str) -> list[str]:
    """Write outputs of the graph for every input to an .npz file; return the machine's architecture.

    Parameters
    ----------
    module : str
        With the class ``Interpreter``.
    how : str
        ``single``: a call for each input, as on the device; ``together``: many in one call, for a graph whose batch is
        open.
    *names : str
        Of the outputs; all if there is none.
    """
    interpreter = importlib.import_module(module).Interpreter(model_path=graph, num_threads=1)
    inputs = np.load(inputs_path, allow_pickle=False)
    np.savez(outputs_path, **(_together if how == "together" else _single)(interpreter, inputs, names))
    return [platform.machine()]


def _single(interpreter: Any, inputs: npt.NDArray[Any], names: tuple[str, ...]) -> Outputs:
    entry = interpreter.get_input_details()[0]["index"]
    interpreter.allocate_tensors()
    outputs = {details["name"]: details["index"] for details in _wanted(interpreter, names)}
    results: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in outputs}
    for row in inputs:
        interpreter.set_tensor(entry, row[None])
        interpreter.invoke()
        for name, index in outputs.items():
            results[name].append(interpreter.get_tensor(index)[0])
    return {name: np.asarray(rows) for name, rows in results.items()}


def _together(interpreter: Any, inputs: npt.NDArray[Any], names: tuple[str, ...]) -> Outputs:
    entry = interpreter.get_input_details()[0]["index"]
    pieces: dict[str, list[npt.NDArray[Any]]] = {}
    for start in range(0, len(inputs), _TOGETHER):
        part = inputs[start : start + _TOGETHER]
        interpreter.resize_tensor_input(entry, part.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(entry, part)
        interpreter.invoke()
        for details in _wanted(interpreter, names):
            pieces.setdefault(details["name"], []).append(interpreter.get_tensor(details["index"]))
    return {name: np.concatenate(parts) for name, parts in pieces.items()}


def _wanted(interpreter: Any, names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [details for details in interpreter.get_output_details() if not names or details["name"] in names]
