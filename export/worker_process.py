"""A graph in a process of its own: a runtime may crash, and tflite_runtime cannot be loaded beside tensorflow."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import ModelFileError
from export.installed import InstalledRuntime

_TIMEOUT_S = 300
# The runtimes say what is wrong in their last lines, and much before.
_QUOTED_LINES = 3


def run_worker(
    installed: InstalledRuntime, worker: ModuleType, flatbuffer: bytes, inputs: FloatArray, *arguments: str
) -> tuple[dict[str, FloatArray], list[str]]:
    """Return every output of a graph for every input, shape (n, …), by name; and the words that the worker printed.

    Parameters
    ----------
    worker : module
        ``runtime_worker`` or ``micro_worker``.
    arguments : str
        What the worker wants to know besides the files.

    Raises
    ------
    ModelFileError
        If the runtime refuses the graph, with its own message, or ends.
    """
    with tempfile.TemporaryDirectory() as folder:
        graph, entries, results = (Path(folder) / name for name in ("graph.tflite", "inputs.npy", "outputs.npz"))
        graph.write_bytes(flatbuffer)
        np.save(entries, inputs, allow_pickle=False)
        command = [installed.python, str(worker.__file__), *map(str, (graph, entries, results)), *arguments]
        process = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        if process.returncode:
            said = process.stderr.strip().splitlines()[-_QUOTED_LINES:] or [f"exit code {process.returncode}"]
            raise ModelFileError(f"{installed.title} cannot run the exported graph: {'; '.join(said)}")
        with np.load(results, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}, process.stdout.split()
