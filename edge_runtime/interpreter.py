"""Which runtime opens the file: LiteRT or tflite-runtime, or plain numpy where neither is installed."""

from __future__ import annotations

import importlib
import importlib.util
import os
from dataclasses import dataclass
from typing import Any

from edge_runtime.errors import ModelFileError, RuntimeUnavailableError
from edge_runtime.silence import silent_stderr

# Fastest first: the order in which "auto" looks for them.
RUNTIMES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
NUMPY = "numpy"
_NUMPY_MODULE = "edge_runtime.numpy_executor"
_SHORT = {"litert": "ai-edge-litert", "tflite": "tflite-runtime"}


@dataclass(frozen=True)
class Runtime:
    """An interpreter that is there.

    Parameters
    ----------
    name : str
        Its distribution name, or ``numpy`` for the executor that comes with saelite.
    """

    name: str

    @property
    def version(self) -> str:
        """Version of its distribution."""
        # Looked up when asked for: importlib.metadata loads half of the standard library.
        import importlib.metadata

        return importlib.metadata.version(self.name)

    def open(self, flatbuffer: bytes, num_threads: int = 1) -> Any:
        """Return an interpreter over a flatbuffer, its tensors allocated.

        Raises
        ------
        ModelFileError
            If this runtime refuses the graph.
        """
        module = importlib.import_module(RUNTIMES.get(self.name, _NUMPY_MODULE))
        try:
            with silent_stderr():
                interpreter = module.Interpreter(model_content=flatbuffer, num_threads=num_threads)
                interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelFileError(
                f"{self.name} {self.version} refuses the graph: {str(error).strip()} "
                "Export it again for this runtime, or install another one (`saelite doctor` lists them)."
            ) from error
        return interpreter


def installed_runtimes() -> list[Runtime]:
    """Return the installed TFLite runtimes, fastest first, without importing them."""
    return [Runtime(name) for name, module in RUNTIMES.items() if importlib.util.find_spec(module.partition(".")[0])]


def find_runtime(name: str = "auto") -> Runtime:
    """Return the runtime called `name`, or for ``auto`` what SAELITE_RUNTIME says, or the fastest there is.

    Where no TFLite runtime is installed that is ``numpy``.

    Raises
    ------
    RuntimeUnavailableError
        If the name is unknown, or that runtime is not installed.
    """
    wanted = os.environ.get("SAELITE_RUNTIME", "auto") if name == "auto" else name
    wanted = _SHORT.get(wanted, wanted)
    choice = [*installed_runtimes(), Runtime(NUMPY)]
    if wanted == "auto":
        return choice[0]
    for runtime in choice:
        if runtime.name == wanted:
            return runtime
    if wanted not in RUNTIMES:
        raise RuntimeUnavailableError(
            f"unknown runtime: expected one of auto, {', '.join(RUNTIMES)}, {NUMPY}. Received: {wanted!r}."
        )
    there = ", ".join(runtime.name for runtime in choice)
    raise RuntimeUnavailableError(
        f"no such runtime to open the model: expected {wanted}. Installed: {there}. "
        f"Install it with: pip install {wanted}"
    )
