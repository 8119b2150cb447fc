"""The wheel and the sdist of a commit: built from what git holds of it, with its time for every file's."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from datetime import datetime, timezone
from hashlib import sha256
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class BuildError(Exception):
    """The commit cannot be built, or not twice alike."""


def commit_time() -> datetime:
    """Return the time of the last commit.

    Raises
    ------
    BuildError
        If this is no clone.
    """
    return datetime.fromtimestamp(int(_git("log", "-1", "--format=%ct")), timezone.utc)


def changed_files() -> list[str]:
    """Return the files that differ from the last commit, and so from what is built."""
    return [line[3:] for line in _git("status", "--porcelain").decode().splitlines()]


def build_twice(folder: Path) -> list[Path]:
    """Return the wheel and the sdist of the last commit, in `folder`.

    Raises
    ------
    BuildError
        If building again gives other bytes.
    """
    first, second = (_build(folder / name) for name in ("first", "second"))
    if different := [path.name for path, again in zip(first, second, strict=True) if digest(path) != digest(again)]:
        raise BuildError(f"two builds of one commit differ: {', '.join(different)}. Expected the same bytes.")
    return first


def digest(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    return sha256(path.read_bytes()).hexdigest()


def _build(folder: Path) -> list[Path]:
    source, out = folder / "source", folder / "built"
    with tarfile.open(fileobj=BytesIO(_git("archive", "--format=tar", "HEAD"))) as archive:
        archive.extractall(source, filter="data")
    environment = os.environ | {"SOURCE_DATE_EPOCH": f"{commit_time().timestamp():.0f}"}
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"hatchling cannot build the commit:\n{done.stdout}{done.stderr}")
    return sorted(out.iterdir())


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    if done.returncode:
        raise BuildError(f"git says: {done.stderr.decode().strip()}. Build in a clone, from a commit.")
    return done.stdout
