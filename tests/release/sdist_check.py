"""The sdist in an empty folder: every file that git knows is in it, every test is found, and some are run."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from commit_build import ROOT, BuildError

_NOT_IN_GIT = {"PKG-INFO"}
# A few of each package's, among them one that trains, exports and scores.
_SUBSET = (
    "tests/house/test_import_walls.py",
    "tests/edge_runtime/inference/test_detector.py",
    "edge_runtime",
    "saelite",
)


def check_sdist(sdist: Path, folder: Path) -> str:
    """Return what was found in it.

    Raises
    ------
    BuildError
        If a file is missing or too many, the tests cannot be collected, or one of those that are run fails.
    """
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-tree", "-r", "--name-only", "HEAD"], capture_output=True, text=True, check=True
    )
    expected = set(listed.stdout.splitlines()) | _NOT_IN_GIT
    inside = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    if expected != inside:
        raise BuildError(f"{sdist.name} lacks {sorted(expected - inside)} and adds {sorted(inside - expected)}")
    collected = _pytest(source, "--collect-only")
    return f"{len(inside)} files; {collected} in it; run from it: {_pytest(source, *_SUBSET)}"


def _pytest(source: Path, *arguments: str) -> str:
    """Return pytest's last line."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    environment = os.environ | {"PYTHONPATH": str(source)}
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"pytest {' '.join(arguments)} in the sdist ended with {done.returncode}:\n{done.stdout}")
    return done.stdout.splitlines()[-1]
