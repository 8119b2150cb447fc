"""Run a flatbuffer on inputs in its own process: ``runtime_worker.py GRAPH INPUTS OUTPUTS MODULE``.

It needs only numpy and one interpreter, so it also runs in an environment without saelite. tflite_runtime cannot be
loaded beside tensorflow, hence one process per runtime.
"""

from __future__ import annotations

import importlib
import platform
import sys

import numpy as np
import numpy.typing as npt


def main(graph: str, inputs_path: str, outputs_path: str, module: str) -> None:
    """Write every output of the graph for every input to an .npz file; print the machine's architecture."""
    interpreter = importlib.import_module(module).Interpreter(model_path=graph, num_threads=1)
    inputs = np.load(inputs_path, allow_pickle=False)
    entry = interpreter.get_input_details()[0]["index"]
    interpreter.allocate_tensors()
    outputs = {details["name"]: details["index"] for details in interpreter.get_output_details()}
    results: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in outputs}
    for row in inputs:
        interpreter.set_tensor(entry, row[None])
        interpreter.invoke()
        for name, index in outputs.items():
            results[name].append(interpreter.get_tensor(index)[0])
    np.savez(outputs_path, **{name: np.asarray(rows) for name, rows in results.items()})
    print(platform.machine())


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (ValueError, RuntimeError) as error:
        # In one line: what the caller quotes is the last one.
        sys.exit(" ".join(str(error).split()))
