"""Programs of this machine and of the board, run to their end."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from arm.installs import ROOT


class CheckError(Exception):
    """Something on the board is not as it should be."""


def there(interpreter: Path, *arguments: object, **environment: str) -> str:
    """Run the board's Python; return what it printed."""
    return _run([str(interpreter), *map(str, arguments)], environment)


def here(command: list[str], **environment: str) -> str:
    """Run a program of this machine; return what it printed."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "support")])
    return _run(command, {"PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3", **environment})


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CheckError(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()
