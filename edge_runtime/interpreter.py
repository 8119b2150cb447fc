"""Which TFLite runtime opens the file: tflite-runtime or LiteRT, whichever is installed."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
from dataclasses import dataclass
from typing import Any

from edge_runtime.errors import ModelFileError, RuntimeUnavailableError
from edge_runtime.silence import silent_stderr

# Fastest first: the order in which "auto" looks for them.
RUNTIMES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
_SHORT = {"litert": "ai-edge-litert", "tflite": "tflite-runtime"}


@dataclass(frozen=True)
class Runtime:
    """An installed interpreter package.

    Parameters
    ----------
    name : str
        Its distribution name.
    version : str
    """

    name: str
    version: str

    def open(self, flatbuffer: bytes, num_threads: int = 1) -> Any:
        """Return an interpreter over a flatbuffer, its tensors allocated.

        Raises
        ------
        ModelFileError
            If this runtime refuses the graph.
        """
        module = importlib.import_module(RUNTIMES[self.name])
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
    """Return the installed runtimes, fastest first, without importing them."""
    found = []
    for name in RUNTIMES:
        try:
            found.append(Runtime(name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def find_runtime(name: str = "auto") -> Runtime:
    """Return the runtime called `name`, or for ``auto`` what SAELITE_RUNTIME says, or the fastest installed.

    Raises
    ------
    RuntimeUnavailableError
        If the name is unknown, or nothing fitting is installed.
    """
    wanted = os.environ.get("SAELITE_RUNTIME", "auto") if name == "auto" else name
    wanted = _SHORT.get(wanted, wanted)
    installed = installed_runtimes()
    if wanted == "auto" and installed:
        return installed[0]
    for runtime in installed:
        if runtime.name == wanted:
            return runtime
    if wanted != "auto" and wanted not in RUNTIMES:
        raise RuntimeUnavailableError(
            f"unknown runtime: expected one of auto, {', '.join(RUNTIMES)}. Received: {wanted!r}."
        )
    there = ", ".join(runtime.name for runtime in installed) or "none"
    package = wanted if wanted in RUNTIMES else "ai-edge-litert"
    raise RuntimeUnavailableError(
        f"no TFLite runtime to open the model: expected {wanted if wanted != 'auto' else ' or '.join(RUNTIMES)}. "
        f"Installed: {there}. Install one with: pip install {package}"
    )
