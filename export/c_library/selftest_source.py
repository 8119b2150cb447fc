"""``NAME_selftest.c``: the file's reference windows, with what this library must give for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edge_runtime.errors import UsageError
from edge_runtime.inference.host_scoring import HostScoring
from edge_runtime.inference.numpy_executor.executor import Interpreter
from edge_runtime.inference.numpy_executor.fixed_point import Array, Rounding
from edge_runtime.model_file.container import ModelFile
from export.c_library.c_text import fill, floats, integers
from export.c_library.selftest_template import SELFTEST_C


def selftest_source(model: ModelFile, fields: Mapping[str, Any], rounding: Rounding) -> str:
    """Return ``NAME_selftest.c``, without a ``main()``.

    Raises
    ------
    UsageError
        If the file has no reference windows.
    """
    if "reference_windows" not in model.arrays:
        raise UsageError("the file has no reference windows for the self-test. Export it again.")
    windows, host = model.arrays["reference_windows"], HostScoring.of(model)
    outputs = network_runner(model, rounding, len(windows))(host.inputs(windows))
    scores, codes = host.score(windows, outputs), outputs["codes"]
    is_int8 = codes.dtype == np.int8
    return fill(SELFTEST_C, {**fields, "windows": len(windows), "readings": floats(windows),
                             "codes": integers(codes) if is_int8 else floats(codes), "scores": floats(scores),
                             "code_tolerance": "0" if is_int8 else "1e-5f"})  # fmt: skip


def network_runner(model: ModelFile, rounding: Rounding, batch: int) -> Callable[[Array], dict[str, Array]]:
    """Return a function from the network's inputs, shape (batch, inputs), to its outputs by name."""
    interpreter = Interpreter(model.flatbuffer, dense_rounding=rounding)
    (source,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(source["index"], (batch, *source["shape"][1:]))
    interpreter.allocate_tensors()

    def run(inputs: Array) -> dict[str, Array]:
        interpreter.set_tensor(source["index"], inputs)
        interpreter.invoke()
        return {one["name"]: interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()}

    return run
