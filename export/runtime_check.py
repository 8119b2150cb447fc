"""Running a finished file in real runtimes, each in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import ModelFileError, RuntimeUnavailableError, UsageError
from edge_runtime.inference.host_scoring import HostScoring
from edge_runtime.inference.runtimes import RUNTIMES, Runtime, installed_runtimes
from export import runtime_worker
from export.targets import Target

_TIMEOUT_S = 300
OnStep = Callable[[str], None]
"""What is told of each step before it is taken."""
# Only the standard library, so that it runs with any Python.
_PROBE = """
import importlib.metadata as metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True)
class InstalledRuntime:
    """A runtime and the Python it is installed in.

    Parameters
    ----------
    name : str
        A key of `edge_runtime.inference.runtimes.RUNTIMES`.
    version : str
    python : str
    """

    name: str
    version: str
    python: str = sys.executable

    @classmethod
    def here(cls, runtime: Runtime) -> InstalledRuntime:
        """Return a runtime of this Python."""
        return cls(runtime.name, runtime.version)

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class RuntimeOutputs:
    """A runtime's outputs for some windows.

    Parameters
    ----------
    runtime : InstalledRuntime
    machine : str
        Architecture it ran on.
    codes : ndarray of shape (n, units), float32
    scores : ndarray of shape (n,), float32
        Raw, not smoothed.
    """

    runtime: InstalledRuntime
    machine: str
    codes: FloatArray
    scores: FloatArray


def runtimes_for(target: Target, pythons: Sequence[Path] = ()) -> list[InstalledRuntime]:
    """Return the target's runtimes that are installed here and in the environments of other Pythons.

    Raises
    ------
    RuntimeUnavailableError
        If there is none.
    UsageError
        If one of `pythons` is not a Python.
    """
    found = [InstalledRuntime.here(runtime) for runtime in installed_runtimes()]
    found += [runtime for python in pythons for runtime in _installed_for(python)]
    usable = [one for one in found if one.name in target.runtimes]
    if usable:
        return usable
    raise RuntimeUnavailableError(
        f"no runtime to check the file in: target {target.name} runs in {' or '.join(target.runtimes)}. "
        f"Install it with: pip install {target.runtimes[0]}; or name the Python of an environment that has it: "
        "--runtime-python PATH"
    )


def run_in(
    installed: InstalledRuntime, flatbuffer: bytes, host: HostScoring | None, windows: FloatArray
) -> RuntimeOutputs:
    """Return a runtime's outputs for every window, one interpreter call each, as on the device.

    Parameters
    ----------
    flatbuffer : bytes
    host : HostScoring or None
        What the host does around a network alone; None for a whole detector.
    windows : ndarray of shape (n, window, sensors), float32
        Raw sensor values.

    Raises
    ------
    ModelFileError
        If the runtime refuses the graph, with the runtime's message, or if it scores a missing value as a number.
    """
    if host is None:
        return _run_detector(installed, flatbuffer, windows)
    outputs, machine = run_graph(installed, flatbuffer, host.inputs(windows))
    return RuntimeOutputs(installed, machine, host.codes(outputs), host.score(windows, outputs))


def _run_detector(installed: InstalledRuntime, flatbuffer: bytes, windows: FloatArray) -> RuntimeOutputs:
    """Run a whole detector on the windows, and on one more with a missing value, which must score NaN."""
    incomplete = windows[:1].copy()
    incomplete[0, 0, -1] = np.nan
    outputs, machine = run_graph(installed, flatbuffer, np.concatenate([windows, incomplete]))
    *_, last = scores = outputs["score"]
    if not np.isnan(last):
        raise ModelFileError(
            f"{installed.title} scores a window with a missing value: expected NaN. Received: {last:g}. "
            "Such a score looks like a real one. Check the file in another runtime."
        )
    return RuntimeOutputs(installed, machine, outputs["codes"][:-1], scores[:-1])


def run_graph(installed: InstalledRuntime, flatbuffer: bytes, inputs: FloatArray) -> tuple[dict[str, FloatArray], str]:
    """Return every output of a graph for every input, shape (n, …), by name; and the machine's architecture."""
    with tempfile.TemporaryDirectory() as folder:
        graph, entries, results = (Path(folder) / name for name in ("graph.tflite", "inputs.npy", "outputs.npz"))
        graph.write_bytes(flatbuffer)
        np.save(entries, inputs, allow_pickle=False)
        command = [installed.python, runtime_worker.__file__, RUNTIMES[installed.name],
                   *map(str, (graph, entries, results))]  # fmt: skip
        process = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        if process.returncode:
            reason = (process.stderr.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
            raise ModelFileError(f"{installed.title} cannot run the exported graph: {reason}")
        with np.load(results, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}, process.stdout.strip()


def _installed_for(python: Path) -> list[InstalledRuntime]:
    try:
        process = subprocess.run(
            [str(python), "-c", _PROBE, *RUNTIMES], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
        return [InstalledRuntime(name, version, str(python)) for name, version in json.loads(process.stdout).items()]
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UsageError(f"--runtime-python: expected the path of a Python. Received: {python} ({error})") from error
