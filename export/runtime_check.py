"""Running a finished graph in real runtimes, each in its own process."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_runtime.errors import ModelFileError
from edge_runtime.interpreter import RUNTIMES, Runtime
from edge_runtime.preprocessing import FloatArray
from export import runtime_worker

_TIMEOUT_S = 300


@dataclass(frozen=True)
class RuntimeOutputs:
    """What a runtime gave for some windows.

    Parameters
    ----------
    runtime : Runtime
    machine : str
    codes : ndarray of shape (n, units), float32
    scores : ndarray of shape (n,), float32
        Raw, not smoothed.
    """

    runtime: Runtime
    machine: str
    codes: FloatArray
    scores: FloatArray


def run_in(runtime: Runtime, flatbuffer: bytes, windows: FloatArray) -> RuntimeOutputs:
    """Return what `runtime` gives for every window, one interpreter call each, as on the device.

    Raises
    ------
    ModelFileError
        If the runtime refuses the graph; with its own words.
    """
    with tempfile.TemporaryDirectory() as folder:
        graph, inputs, outputs = (Path(folder) / name for name in ("graph.tflite", "windows.npy", "outputs.npz"))
        graph.write_bytes(flatbuffer)
        np.save(inputs, windows, allow_pickle=False)
        command = [sys.executable, runtime_worker.__file__, RUNTIMES[runtime.name], *map(str, (graph, inputs, outputs))]
        process = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        if process.returncode:
            reason = (process.stderr.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
            raise ModelFileError(f"{runtime.name} {runtime.version} cannot run the exported graph: {reason}")
        with np.load(outputs, allow_pickle=False) as results:
            return RuntimeOutputs(runtime, platform.machine(), results["codes"], results["score"])
