"""What `requirements-device.txt` and `requirements-device-extras.txt` install on a device: their pins and wheels."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS, WITH_EXTRAS = ROOT / "requirements-device.txt", ROOT / "requirements-device-extras.txt"
EXTRAS = ("host", "modbus", "mqtt", "opcua", "plant", "prometheus", "serial", "signing", "web")
_NEWEST_GLIBC, _OLDEST_GLIBC = 36, 17  # Debian 12's, and that of the oldest wheels


@dataclass(frozen=True)
class Device:
    """A Linux that saelite names; `python` is such as 3.11, `machine` the kernel's word."""

    python: str
    machine: str

    @property
    def environment(self) -> dict[str, str]:
        """What markers are evaluated for."""
        there = {"python_version": self.python, "python_full_version": f"{self.python}.0"}
        here = {name: str(value) for name, value in default_environment().items()}
        linux = {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux"}
        return here | linux | there | {"platform_machine": self.machine, "implementation_name": "cpython"}

    @property
    def pip_options(self) -> list[str]:
        """What makes pip look for this device's wheels."""
        versions = range(_NEWEST_GLIBC, _OLDEST_GLIBC - 1, -1)
        tags = [*(f"manylinux_2_{minor}_{self.machine}" for minor in versions), f"manylinux2014_{self.machine}"]
        platforms = [word for tag in tags for word in ("--platform", tag)]
        return ["--python-version", self.python, "--implementation", "cp", "--only-binary=:all:", *platforms]


DEVICES = tuple(Device(python, machine) for python in ("3.11", "3.13") for machine in ("x86_64", "aarch64", "armv7l"))


@dataclass(frozen=True)
class Pin:
    """One line of the file: a requirement with one version, and the hashes of its wheels and sdist."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def line(self) -> str:
        """The line without its marker."""
        return " ".join([f"{self.requirement.name}{self.requirement.specifier}", *map("--hash={}".format, self.hashes)])


def read_pins(text: str) -> list[Pin]:
    """Return the pins of a requirements file."""
    lines = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*$", "", text)).splitlines()
    words = [line.split(" --hash=") for line in lines if line.strip()]
    return [Pin(Requirement(first), tuple(hashed.strip() for hashed in hashes)) for first, *hashes in words]


def pins_of(device: Device, path: Path = REQUIREMENTS) -> dict[str, Pin]:
    """Return what a file installs on a device, by normalised name."""
    environment = device.environment
    return {
        canonicalize_name(pin.requirement.name): pin
        for pin in read_pins(path.read_text())
        if pin.requirement.marker is None or pin.requirement.marker.evaluate(environment)
    }


def download(device: Device, path: Path, folder: Path) -> list[Path]:
    """Return the wheels that pip takes there, each with one of a file's hashes."""
    folder.mkdir()
    # pip takes markers for this Python whatever it is asked for.
    listed = folder / "pins.txt"
    listed.write_text("\n".join(pin.line for pin in pins_of(device, path).values()))
    pip = [sys.executable, "-m", "pip", "-qq", "download", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "-r", str(listed), "-d", str(folder), *device.pip_options], check=True)
    return sorted(folder.glob("*.whl"))
