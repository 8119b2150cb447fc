"""The runtimes that are installed here, and in the environments of other Pythons."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import RuntimeUnavailableError, UsageError
from edge_runtime.inference.runtimes import RUNTIMES, Runtime, installed_runtimes
from export.targets import MICRO, Target

_TIMEOUT_S = 300
# Only the standard library, so that it runs with any Python.
_PROBE = """
import importlib.metadata as metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True)
class InstalledRuntime:
    """A runtime and the Python it is installed in.

    Parameters
    ----------
    name : str
        A key of `edge_runtime.inference.runtimes.RUNTIMES`, or ``tflite-micro``.
    version : str
    python : str
    """

    name: str
    version: str
    python: str = sys.executable

    @classmethod
    def here(cls, runtime: Runtime) -> InstalledRuntime:
        """Return a runtime of this Python."""
        return cls(runtime.name, runtime.version)

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


def installed_micro() -> InstalledRuntime | None:
    """Return TensorFlow Lite Micro if this Python has it."""
    try:
        return InstalledRuntime(MICRO, importlib.metadata.version(MICRO))
    except importlib.metadata.PackageNotFoundError:
        return None


def runtimes_for(target: Target, pythons: Sequence[Path] = ()) -> list[InstalledRuntime]:
    """Return the target's runtimes that are installed here and in the environments of other Pythons.

    TensorFlow Lite Micro comes last: files are fitted on the first one's outputs.

    Raises
    ------
    RuntimeUnavailableError
        If there is none.
    UsageError
        If one of `pythons` is not a Python.
    """
    found = [InstalledRuntime.here(runtime) for runtime in installed_runtimes()]
    micro = installed_micro()
    found += [] if micro is None else [micro]
    found += [runtime for python in pythons for runtime in _installed_for(python)]
    usable = [one for one in found if one.name in target.runtimes]
    if usable:
        return sorted(usable, key=lambda one: one.name == MICRO)
    raise RuntimeUnavailableError(
        f"no runtime to check the file in: target {target.name} runs in {' or '.join(target.runtimes)}. "
        f"Install it with: pip install {target.runtimes[0]}; or name the Python of an environment that has it: "
        "--runtime-python PATH"
    )


def _installed_for(python: Path) -> list[InstalledRuntime]:
    try:
        process = subprocess.run(
            [str(python), "-c", _PROBE, *RUNTIMES, MICRO],
            capture_output=True, text=True, timeout=_TIMEOUT_S, check=True,
        )  # fmt: skip
        return [InstalledRuntime(name, version, str(python)) for name, version in json.loads(process.stdout).items()]
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UsageError(f"--runtime-python: expected the path of a Python. Received: {python} ({error})") from error
