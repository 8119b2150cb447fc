"""The machine figures were taken on, and the state it was in: what makes a time comparable with another."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.inference.accelerators import edge_tpus

_PACKAGES = ("saelite", "numpy", "ai-edge-litert", "tflite-runtime", "tensorflow", "keras", "onnxruntime", "torch")
_CPU = Path("/sys/devices/system/cpu")
_THERMAL = Path("/sys/class/thermal")


@dataclass(frozen=True)
class Machine:
    """What does not change while figures are taken.

    Parameters
    ----------
    processor : str
    architecture : str
    cores : int
    memory_bytes : int
        0 where the system does not say.
    system : str
    python : str
    packages : tuple of str
        Names and versions.
    accelerators : tuple of str
        Found on this machine.
    date : str
        ISO 8601.
    """

    processor: str
    architecture: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    packages: tuple[str, ...]
    accelerators: tuple[str, ...]
    date: str

    @property
    def identity(self) -> tuple[str, str, int]:
        """What two machines must share for absolute times to be compared."""
        return self.processor, self.architecture, self.cores


@dataclass(frozen=True)
class Conditions:
    """Conditions that may change; None if this machine does not report them.

    Parameters
    ----------
    governor : str or None
    frequency_mhz : float or None
    temperature_c : float or None
        Of the hottest zone.
    throttled : int or None
        Times the processor was slowed down for its heat, counted since the machine was started.
    load : float or None
        Mean number of running processes over a minute, this benchmark's own among them.
    """

    governor: str | None
    frequency_mhz: float | None
    temperature_c: float | None
    throttled: int | None
    load: float | None


def this_machine() -> Machine:
    """Look at the machine."""
    return Machine(
        processor=_processor(),
        architecture=platform.machine(),
        cores=os.cpu_count() or 1,
        memory_bytes=_memory_bytes(),
        system=platform.system(),
        python=platform.python_version(),
        packages=tuple(f"{name} {version}" for name in _PACKAGES if (version := _version(name))),
        accelerators=tuple(f"Coral Edge TPU ({device.kind})" for device in edge_tpus()),
        date=dt.datetime.now(dt.timezone.utc).date().isoformat(),
    )


def conditions() -> Conditions:
    """Look at the state it is in now."""
    frequency = _read(_CPU / "cpu0/cpufreq/scaling_cur_freq")
    temperatures = [int(text) for zone in _THERMAL.glob("thermal_zone*/temp") if (text := _read(zone))]
    counts = [int(text) for path in _CPU.glob("cpu*/thermal_throttle/core_throttle_count") if (text := _read(path))]
    return Conditions(
        governor=_read(_CPU / "cpu0/cpufreq/scaling_governor") or None,
        frequency_mhz=int(frequency) / 1e3 if frequency else None,
        temperature_c=max(temperatures) / 1e3 if temperatures else None,
        throttled=sum(counts) if counts else None,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )


def describe(machine: Machine, before: Conditions, after: Conditions) -> list[tuple[str, str]]:
    """Return name and value of every fact as text."""
    return [
        ("processor", f"{machine.processor}, {machine.cores} cores, {machine.architecture}"),
        ("system", f"{machine.system}, Python {machine.python}"),
        ("packages", ", ".join(machine.packages)),
        ("accelerators", ", ".join(machine.accelerators) or "none present"),
        ("governor", before.governor or "not reported by this machine"),
        ("temperature", _change(before.temperature_c, after.temperature_c, " °C")),
        ("throttled", _change(before.throttled, after.throttled, " times")),
        ("load", _change(before.load, after.load, "")),
        ("date", machine.date),
    ]


def _change(before: float | None, after: float | None, unit: str) -> str:
    if before is None or after is None:
        return "not reported by this machine"
    return f"{before:.3g} before, {after:.3g} after{unit}"


def _processor() -> str:
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return _read(Path("/proc/device-tree/model")).strip("\0") or platform.processor() or platform.machine()


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
