"""What is installed here, which runtime opens models, and what stands in the way."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
from dataclasses import dataclass

from edge_runtime.errors import SaeliteError
from edge_runtime.interpreter import RUNTIMES, find_runtime, installed_runtimes

_EXTRAS = {
    "workstation": ("tensorflow", "ai-edge-quantizer", "scikit-learn", "polars", "rich", "matplotlib", "jinja2"),
    "host": ("psutil",),
    "mqtt": ("paho-mqtt",),
    "serial": ("pyserial",),
    "prometheus": ("prometheus-client",),
    "signing": ("cryptography",),
}


@dataclass(frozen=True)
class Diagnosis:
    """Facts to show, and problems that keep models from running."""

    facts: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]


def examine() -> Diagnosis:
    """Look around; imports the runtime that would be used, and nothing else."""
    facts = [
        ("saelite", _version("saelite") or "not installed as a package"),
        ("python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("machine", f"{platform.machine()}, {platform.system()} {platform.release()}, {os.cpu_count()} cores"),
        ("numpy", _version("numpy") or "missing"),
    ]
    facts += [(name, _version(name) or "not installed") for name in RUNTIMES]
    problems = []
    try:
        runtime = find_runtime()
        importlib.import_module(RUNTIMES[runtime.name])
        facts.append(("used", f"{runtime.name} {runtime.version}"))
    except SaeliteError as error:
        problems.append(str(error))
    except ImportError as error:
        names = ", ".join(runtime.name for runtime in installed_runtimes())
        problems.append(f"{names} is installed but cannot be imported: {error}. Install it again.")
    facts += [(f"extra {extra}", _extra(packages)) for extra, packages in _EXTRAS.items()]
    return Diagnosis(tuple(facts), tuple(problems))


def _extra(packages: tuple[str, ...]) -> str:
    missing = [name for name in packages if _version(name) is None]
    if not missing:
        return "installed"
    return "not installed" if len(missing) == len(packages) else f"incomplete, missing: {', '.join(missing)}"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
