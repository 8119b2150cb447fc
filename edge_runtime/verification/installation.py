"""What is installed here, which runtime opens models, and any problems."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sys
from dataclasses import dataclass

from edge_runtime.errors import SaeliteError
from edge_runtime.inference.accelerators import edge_tpus
from edge_runtime.inference.runtimes import NUMPY, RUNTIMES, Runtime, find_runtime, installed_runtimes

_EXTRAS = {
    "workstation": ("tensorflow", "polars", "rich", "matplotlib", "jinja2"),
    "export": ("litert-quantizer", "scikit-learn"),
    "fleet": ("dask", "distributed", "fsspec"),
    "host": ("psutil",),
    "modbus": ("pymodbus", "pyserial"),
    "mqtt": ("paho-mqtt",),
    "opcua": ("asyncua",),
    "serial": ("pyserial",),
    "prometheus": ("prometheus-client",),
    "signing": ("cryptography",),
    "web": ("starlette", "uvicorn"),
}


@dataclass(frozen=True)
class Diagnosis:
    """Facts to show, and problems that prevent models from running."""

    facts: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]


def examine() -> Diagnosis:
    """Examine the installation; imports only the runtime that would be used."""
    facts = [
        ("saelite", _version("saelite") or "not installed as a package"),
        ("python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("machine", f"{platform.machine()}, {platform.system()} {platform.release()}, {os.cpu_count()} cores"),
        ("numpy", _version("numpy") or "missing"),
    ]
    facts += [(name, _version(name) or "not installed") for name in (*RUNTIMES, *_of_export())]
    problems = []
    try:
        facts.append(("used", _used(find_runtime())))
    except SaeliteError as error:
        problems.append(str(error))
    except ImportError as error:
        names = ", ".join(runtime.name for runtime in installed_runtimes())
        problems.append(f"{names} is installed but cannot be imported: {error}. Install it again.")
    facts.append(("Edge TPU", ", ".join(f"{device.kind}, {device.node}" for device in edge_tpus()) or "none"))
    facts += [(f"extra {extra}", _extra(packages)) for extra, packages in _EXTRAS.items()]
    return Diagnosis(tuple(facts), tuple(problems))


def _of_export() -> tuple[str, ...]:
    """Return the runtimes that only export uses: shown where it is installed, or where they are."""
    return ("tflite-micro",) if _version("litert-quantizer") or _version("tflite-micro") else ()


def _used(runtime: Runtime) -> str:
    if runtime.name != NUMPY:
        importlib.import_module(RUNTIMES[runtime.name])
        return f"{runtime.name} {runtime.version}"
    reason = "chosen by SAELITE_RUNTIME" if installed_runtimes() else f"for speed {_advice()}"
    return f"the numpy executor of saelite, on numpy {runtime.version} ({reason})"


def _advice() -> str:
    """Return what to install here; not every machine has wheels of a TFLite runtime."""
    if sys.maxsize > 2**32:
        return "install a TFLite runtime: pip install ai-edge-litert"
    if platform.machine() in ("armv7l", "aarch64") and sys.version_info < (3, 12):
        return "install a TFLite runtime: pip install tflite-runtime"
    return "install a 64-bit system; no TFLite runtime has wheels for this Python"


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
