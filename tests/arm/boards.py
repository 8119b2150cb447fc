"""The boards the checks are made on: a Debian for each processor, and the interpreters a device would install."""

from __future__ import annotations

from dataclasses import dataclass, field

PYTHON = "3.11"  # Debian 12's, for which both interpreters have wheels
_NEWEST_GLIBC = 36  # Debian 12's


@dataclass(frozen=True)
class Install:
    """A folder of wheels.

    Parameters
    ----------
    name : str
    runtime : str
        Name of the interpreter it is for.
    requirements : tuple of str
    with_dependencies : bool
        Whether pip also fetches what these need; off where Debian brings it.
    """

    name: str
    runtime: str
    requirements: tuple[str, ...]
    with_dependencies: bool = True


@dataclass(frozen=True)
class Board:
    """A processor, its Debian, and what is installed on it.

    Parameters
    ----------
    name : str
        Debian's name of the architecture.
    machine : str
        The wheels' name of it.
    emulator : str
    packages : tuple of str
        Debian packages; apt adds what they need.
    installs : tuple of Install
    cpuinfo : str
        ``/proc/cpuinfo`` of such a board. LiteRT reads it, and breaks on that of the machine outside.
    cpu : str
        Processor to emulate.
    library_folders : tuple of str
        Where libraries lie that ``update-alternatives`` would have linked.
    """

    name: str
    machine: str
    emulator: str
    packages: tuple[str, ...]
    installs: tuple[Install, ...]
    cpuinfo: str
    cpu: str
    library_folders: tuple[str, ...] = field(default=())

    @property
    def platforms(self) -> tuple[str, ...]:
        """Platform tags of the wheels that run here."""
        newest_first = (f"manylinux_2_{minor}_{self.machine}" for minor in range(_NEWEST_GLIBC, 16, -1))
        return (*newest_first, f"manylinux2014_{self.machine}", f"linux_{self.machine}")


_CPUINFO = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: {features}
CPU implementer\t: 0x41
CPU architecture: {architecture}
CPU variant\t: 0x0
CPU part\t: {part}
CPU revision\t: 3

"""
ARM64 = Board(
    "arm64",
    "aarch64",
    "qemu-aarch64-static",
    ("python3", "libstdc++6"),
    (
        Install("tflite", "tflite-runtime", ("numpy<2", "click", "tflite-runtime")),
        Install("litert", "ai-edge-litert", ("numpy<2", "click", "ai-edge-litert")),
    ),
    _CPUINFO.format(features="fp asimd evtstrm crc32 cpuid", architecture=8, part="0xd08"),
    "cortex-a72",
)
ARMHF = Board(
    "armhf",
    "armv7l",
    "qemu-arm-static",
    ("python3", "python3-numpy", "libstdc++6"),
    (
        Install("tflite", "tflite-runtime", ("click", "tflite-runtime"), with_dependencies=False),
        Install("numpy", "numpy", ("click",), with_dependencies=False),
    ),
    _CPUINFO.format(
        features="half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32", architecture=7, part="0xc07"
    ),
    "cortex-a7",
    ("usr/lib/arm-linux-gnueabihf/blas", "usr/lib/arm-linux-gnueabihf/lapack"),
)
BOARDS = (ARM64, ARMHF)
