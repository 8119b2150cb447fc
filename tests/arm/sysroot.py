"""Debian's Python for another processor, unpacked into a folder; nothing of this machine is changed.

apt works on a state of its own in which nothing is installed, so it names every package that is needed, and no
foreign architecture has to be added to the machine's own apt.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from arm.boards import Board

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SOURCE = f"deb [signed-by={KEYRING}] http://deb.debian.org/debian bookworm main\n"
_CONFIG = """APT::Architecture "{architecture}";
APT::Architectures {{"{architecture}";}};
Acquire::Retries "3";
Dir::State "{apt}/state";
Dir::State::status "{apt}/status";
Dir::Cache "{apt}/cache";
Dir::Etc::sourcelist "{apt}/sources.list";
Dir::Etc::sourceparts "/nonexistent";
"""


def missing_tools(boards: tuple[Board, ...]) -> list[str]:
    """Return what this machine lacks to unpack and run such a system."""
    programs = ("apt-get", "dpkg", *(board.emulator for board in boards))
    return [name for name in programs if shutil.which(name) is None] + [
        str(path) for path in (KEYRING,) if not path.exists()
    ]


def unpack(board: Board, folder: Path) -> Path:
    """Return the folder of the unpacked system; made once, whole or not at all."""
    root = unpack_packages(board.name, board.packages, folder)
    _describe_processor(board, root)
    return root


def unpack_packages(architecture: str, packages: tuple[str, ...], folder: Path) -> Path:
    """Return the folder of unpacked Debian packages and all they need; made once, whole or not at all."""
    root = folder / "root"
    if root.is_dir():
        return root
    unfinished = folder / "root.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for package in _download(architecture, packages, folder / "apt"):
        subprocess.run(["dpkg", "-x", str(package), str(unfinished)], check=True)
    return unfinished.rename(root)


def _download(architecture: str, packages: tuple[str, ...], apt: Path) -> list[Path]:
    for name in ("state/lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(_SOURCE)
    config = apt / "apt.conf"
    config.write_text(_CONFIG.format(architecture=architecture, apt=apt))
    environment = {**os.environ, "APT_CONFIG": str(config)}
    fetch = ["install", "--yes", "--download-only", "--no-install-recommends", *packages]
    for arguments in (["update"], fetch):
        subprocess.run(["apt-get", "-qq", *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)
    return sorted((apt / "cache/archives").glob("*.deb"))


def _describe_processor(board: Board, root: Path) -> None:
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/cpuinfo").write_text(board.cpuinfo)
    processors = root / "sys/devices/system/cpu"
    processors.mkdir(parents=True, exist_ok=True)
    for name in ("possible", "present"):
        (processors / name).write_text("0\n")
