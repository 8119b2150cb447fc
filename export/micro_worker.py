"""Running a network in TensorFlow Lite Micro in a process of its own, see `export.worker_loop`.

It needs only numpy and tflite-micro, so it also runs in an environment without saelite. An arena that is too small can
end the process, so each size is tried in a child.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# Arenas are multiples of this.
_ALIGNMENT_BYTES = 16
_LARGEST_BYTES = 1 << 26


def run(graph: str, inputs_path: str, outputs_path: str, *names: str) -> list[str]:
    """Write every output of the graph, called by its name, for every input to an .npz file.

    Return the machine's architecture and the size of the arena it ran in: the smallest that is large enough.
    """
    from tflite_micro import runtime

    content, inputs = Path(graph).read_bytes(), np.load(inputs_path, allow_pickle=False)

    def run_within(arena_bytes: int, inputs: npt.NDArray[Any]) -> list[list[npt.NDArray[Any]]]:
        interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena_bytes)
        return [_outputs(interpreter, row[None], len(names)) for row in inputs]

    run_within(_LARGEST_BYTES, inputs[:1])  # a graph that runs in no arena fails here, in the runtime's own words
    arena_bytes = smallest(lambda size: _survives(lambda: run_within(size, inputs[:1])))
    results = zip(*run_within(arena_bytes, inputs), strict=True)
    np.savez(outputs_path, **{name: np.concatenate(rows) for name, rows in zip(names, results, strict=True)})
    return [platform.machine(), str(arena_bytes)]


def _outputs(interpreter: Any, entry: npt.NDArray[Any], count: int) -> list[npt.NDArray[Any]]:
    interpreter.set_input(entry, 0)
    interpreter.invoke()
    return [np.array(interpreter.get_output(number)) for number in range(count)]


def smallest(fits: Callable[[int], bool]) -> int:
    """Return the smallest arena, in bytes, that `fits`, by bisection.

    >>> smallest(lambda arena_bytes: arena_bytes >= 1900)
    1904
    """
    too_small, enough = 0, 1
    while not fits(enough * _ALIGNMENT_BYTES):
        too_small, enough = enough, 2 * enough
    while enough - too_small > 1:
        middle = (too_small + enough) // 2
        if fits(middle * _ALIGNMENT_BYTES):
            enough = middle
        else:
            too_small = middle
    return enough * _ALIGNMENT_BYTES


def _survives(run: Callable[[], object]) -> bool:
    """Return whether a child process neither fails nor crashes."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    try:
        # The runtime reports failures on standard error; here they are expected.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        run()
        os._exit(0)
    finally:
        os._exit(1)
