"""Running a finished file in real runtimes, each in its own process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.host_scoring import HostScoring
from edge_runtime.inference.runtimes import RUNTIMES
from export import runtime_worker
from export.installed import InstalledRuntime
from export.micro_run import run_micro
from export.targets import MICRO
from export.worker_process import run_worker

OnStep = Callable[[str], None]
"""What is told of each step before it is taken."""


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
    arena_bytes : int
        Smallest arena of TensorFlow Lite Micro that the graph runs in, on this machine; 0 for other runtimes.
    """

    runtime: InstalledRuntime
    machine: str
    codes: FloatArray
    scores: FloatArray
    arena_bytes: int = 0


_OF_DETECTOR = ("codes", "score")


def run_in(
    installed: InstalledRuntime,
    flatbuffer: bytes,
    host: HostScoring | None,
    windows: FloatArray,
    *,
    together: bool = False,
) -> RuntimeOutputs:
    """Return a runtime's outputs for every window.

    Parameters
    ----------
    flatbuffer : bytes
    host : HostScoring or None
        What the host does around a network alone; None for a whole detector.
    windows : ndarray of shape (n, window, sensors), float32
        Raw sensor values.
    together : bool
        Whether a whole detector is run on many windows in one call; by default on one, as on the device. A network
        alone always is.

    Raises
    ------
    ModelFileError
        If the runtime refuses the graph, with the runtime's message, or if it scores a missing value as a number.
    """
    if host is None:
        return _run_detector(installed, flatbuffer, windows, together=together)
    inputs, arena_bytes = host.inputs(windows), 0
    if installed.name == MICRO:
        outputs, machine, arena_bytes = run_micro(installed, flatbuffer, inputs)
    else:
        outputs, machine = run_graph(installed, flatbuffer, inputs)
    return RuntimeOutputs(installed, machine, host.codes(outputs), host.score(windows, outputs), arena_bytes)


def _run_detector(
    installed: InstalledRuntime, flatbuffer: bytes, windows: FloatArray, *, together: bool
) -> RuntimeOutputs:
    """Run a whole detector on the windows, and on one more with a missing value, which must score NaN."""
    incomplete = windows[:1].copy()
    incomplete[0, 0, -1] = np.nan
    rows = np.concatenate([windows, incomplete])
    outputs, machine = run_graph(installed, flatbuffer, rows, _OF_DETECTOR, together=together)
    *_, last = scores = outputs["score"]
    if not np.isnan(last):
        raise ModelFileError(
            f"{installed.title} scores a window with a missing value: expected NaN. Received: {last:g}. "
            "Such a score looks like a real one. Check the file in another runtime."
        )
    return RuntimeOutputs(installed, machine, outputs["codes"][:-1], scores[:-1])


def run_graph(
    installed: InstalledRuntime,
    flatbuffer: bytes,
    inputs: FloatArray,
    names: tuple[str, ...] = (),
    *,
    together: bool = False,
) -> tuple[dict[str, FloatArray], str]:
    """Return outputs of a graph for every input, shape (n, …), by name; and the machine's architecture.

    Parameters
    ----------
    names : tuple of str
        Of the outputs; by default all.
    together : bool
        Whether many inputs are run in one call, for a graph whose batch is open; by default one, as on the device.
    """
    module, how = RUNTIMES[installed.name], "together" if together else "single"
    outputs, (machine,) = run_worker(installed, runtime_worker, flatbuffer, inputs, module, how, *names)
    return outputs, machine
