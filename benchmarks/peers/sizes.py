"""How much an installed package takes, with all it needs."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from pathlib import Path

# The base install: the packages on a device, whatever else a workstation has.
OWN_PACKAGES = {
    "ai-edge-litert": ("ai-edge-litert", "numpy", "click"),
    "tflite-runtime": ("tflite-runtime", "numpy", "click"),
}


def installed_bytes(packages: Iterable[str]) -> int:
    """Return the bytes of packages and everything they need, compiled bytecode left out; each counted once."""
    return sum(_bytes(name) for name in _closure(packages))


def _closure(packages: Iterable[str]) -> set[str]:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in packages]
    while waiting:
        name = waiting.pop()
        if name in found or not _is_installed(name):
            continue
        found.add(name)
        needed = (Requirement(text) for text in importlib.metadata.requires(name) or [])
        waiting += [
            canonicalize_name(item.name)
            for item in needed
            if item.marker is None or item.marker.evaluate({"extra": ""})
        ]
    return found


def _bytes(name: str) -> int:
    paths = (Path(str(file.locate())) for file in importlib.metadata.files(name) or [] if file.suffix != ".pyc")
    return sum(path.stat().st_size for path in paths if path.is_file())


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
