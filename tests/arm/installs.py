"""Wheels for another processor in a folder, as pip would install them there, and the Python that sees them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from arm.boards import PYTHON, Board, Install

ROOT = Path(__file__).resolve().parents[2]
_NOT_OF_THE_SOURCE = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "runs")


def install(board: Board, requirements: tuple[str, ...], folder: Path, *, with_dependencies: bool = True) -> Path:
    """Put wheels into a folder; made once, whole or not at all. Returns the folder."""
    if folder.is_dir():
        return folder
    unfinished = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    platforms = [word for platform in board.platforms for word in ("--platform", platform)]
    _pip(
        *("--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp", *platforms),
        *(() if with_dependencies else ("--no-deps",)),
        *("-c", str(ROOT / "constraints.txt"), "--target", str(unfinished), *requirements),
    )
    return unfinished.rename(folder)


def install_ours(folder: Path) -> Path:
    """Put our own wheel, built from a copy of the source, into a folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    source = folder.with_name("source")
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT, source, ignore=_NOT_OF_THE_SOURCE)
    _pip("--no-deps", "--target", str(folder), str(source))
    return folder


def python(
    board: Board, entry: Install, folder: Path, paths: tuple[Path, ...], emulator: str = "", name: str = "python"
) -> Path:
    """Write a script that is this board's Python, and that Python programs can start again; return its path.

    Parameters
    ----------
    emulator : str
        Command to use instead of the board's emulator.
    name : str
        The script is called so, and the entry's name after it.
    """
    root, script = folder / "root", folder / f"{name}-{entry.name}"
    libraries = ":".join(str(root / name) for name in board.library_folders)
    script.write_text(
        "#!/bin/sh\n"
        f"export QEMU_LD_PREFIX='{root}' QEMU_CPU={board.cpu} LD_LIBRARY_PATH='{libraries}'\n"
        f"export PYTHONHOME='{root}/usr' PYTHONDONTWRITEBYTECODE=1\n"
        f"export PYTHONPATH='{':'.join(map(str, paths))}'\n"
        f"exec {emulator or board.emulator} -0 '{script}' '{root}/usr/bin/python{PYTHON}' \"$@\"\n"
    )
    script.chmod(0o755)
    return script


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "-qq", "install", "--disable-pip-version-check", "--no-compile"]
    subprocess.run([*command, *arguments], check=True, env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})
