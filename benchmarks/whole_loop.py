"""The main job on the bundled recording, by the commands a user would type: train, export, score, report."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from edge_runtime.errors import SaeliteError

# Ten minutes of the normal work that comes before the first fault; the rest of it is tested on as well.
NORMAL_ROWS = 2400
RECORDING, RUN, MODEL, SCORES, REPORT = "host.csv", "run", "host.tflite", "scores.csv", "report.html"
COMMANDS = (
    ("train", RECORDING, "--rows", f":{NORMAL_ROWS}", "-o", RUN, "--overwrite"),
    ("export", RUN, "-o", MODEL),
    ("score", MODEL, RECORDING, "--rows", f"{NORMAL_ROWS}:", "-o", SCORES),
    ("report", MODEL, RECORDING, "--rows", f"{NORMAL_ROWS}:", "--full", RUN, "-o", REPORT),
)

# As from the shell; also reports whether tensorflow was loaded by commands that a device would run.
_CALL = """
import sys
from saelite.cli import main
main(sys.argv[1:], standalone_mode=False)
sys.exit("tensorflow was loaded on the device side" if sys.argv[1] == "score" and "tensorflow" in sys.modules else 0)
"""


def run_commands(folder: Path, tell: Callable[[str], None]) -> None:
    """Run every command in its own process, in the folder of the recording.

    Parameters
    ----------
    tell : callable
        Told each command line before it runs.

    Raises
    ------
    SaeliteError
        If a command fails; it has said why.
    """
    for words in COMMANDS:
        tell(shlex.join(["saelite", *words]))
        process = subprocess.run(
            [sys.executable, "-c", _CALL, *words], cwd=folder, check=False, env=_environment(), stdin=subprocess.DEVNULL
        )
        if process.returncode:
            raise SaeliteError(f"`saelite {words[0]}` failed. See its output above.")


def _environment() -> dict[str, str]:
    """Return the environment with the packages that run here, wherever the command runs."""
    paths = [str(Path(path).absolute()) for path in sys.path if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
