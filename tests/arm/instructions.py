"""How many ARM instructions a window takes: the same in every run to a tenth of a percent, unlike emulated time.

Debian's static emulators load no plugins; the dynamic ones do. They are unpacked into a folder with their libraries.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from arm.sysroot import unpack_packages

_SOURCE = Path(__file__).with_suffix(".c")
_FEW, _MANY = 500, 1500
_SCRIPT = """
import sys
import numpy as np
from edge_runtime import Detector
detector = Detector.load(sys.argv[1])
preprocessing = detector.manifest.spec.preprocessing
window = np.tile(np.asarray(preprocessing.center, np.float32), (preprocessing.window, 1))
for _ in range(int(sys.argv[2])):
    detector.score(window)
"""

RunPython = Callable[..., str]


def counting_emulator(emulator: str, folder: Path, result: Path) -> str | None:
    """Return the command of an emulator that writes the number of instructions to `result`, or None without gcc.

    Parameters
    ----------
    emulator : str
        Name of the static one.
    folder : Path
        For what is unpacked and built.
    result : Path
    """
    if shutil.which("gcc") is None:
        return None
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    ).stdout.strip()
    root = unpack_packages(architecture, ("qemu-user",), folder)
    plugin = folder / "instructions.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", str(plugin), str(_SOURCE)], check=True)
    loader = next(root.glob("lib/*-linux-gnu*/ld-linux-*.so.*"))
    libraries = f"{loader.parent}:{root / 'usr/lib' / loader.parent.name}"
    program = root / "usr/bin" / emulator.removesuffix("-static")
    return f"'{loader}' --library-path '{libraries}' '{program}' -plugin '{plugin}',out='{result}'"


def instructions_per_window(run: RunPython, model: Path, result: Path) -> int:
    """Return the instructions of one call of `Detector.score`, to the hundred: start and end cancel out.

    Parameters
    ----------
    run : callable
        Runs the board's Python with arguments under the counting emulator.
    """
    counts = []
    for n in (_FEW, _MANY):
        run("-c", _SCRIPT, model, n)
        counts.append(int(result.read_text()))
    return int(round((counts[1] - counts[0]) / (_MANY - _FEW), -2))
