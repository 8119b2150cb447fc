"""Accelerators: the Edge TPU and any other external delegate, and why one is unavailable.

An external delegate is a shared library with two functions, ``tflite_plugin_create_delegate`` and
``tflite_plugin_destroy_delegate``. The runtime's own loader says little about failures; here each cause
is identified and reported with its remedy.

References
----------
TensorFlow Lite, external delegate: tensorflow/lite/delegates/external
Coral, Edge TPU Python API: https://coral.ai/docs/edgetpu/tflite-python/
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edge_runtime.errors import AcceleratorError, UsageError

_EDGETPU = {"Linux": "libedgetpu.so.1", "Darwin": "libedgetpu.1.dylib", "Windows": "edgetpu.dll"}
_FUNCTIONS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")
# In every libedgetpu, and in no other delegate.
_EDGETPU_VERSION = "edgetpu_version"
# A stick that has not run anything yet has the boot loader's identity.
_USB_IDS = {("1a6e", "089a"), ("18d1", "9302")}
_INSTALL = (
    "Install it in a build for this runtime's TensorFlow version, such as https://github.com/feranick/libedgetpu: "
    "Coral's own package crashes TensorFlow Lite 2.12 and later."
)


@dataclass(frozen=True)
class Accelerator:
    """What to load.

    Parameters
    ----------
    library : str
        Shared library, by path or by name.
    options : mapping of str to str
        Options of the library.
    edgetpu : bool
        Whether it is the Edge TPU's.
    version : str
        What libedgetpu says of itself; empty before `identify`.
    """

    library: str
    options: Mapping[str, str] = field(default_factory=dict)
    edgetpu: bool = False
    version: str = ""


@dataclass(frozen=True)
class Device:
    """An Edge TPU that the kernel sees: ``usb`` or ``pci``, and the file that must be writable."""

    kind: str
    node: Path


def parse_accelerator(text: str) -> Accelerator:
    """Return the accelerator that ``edgetpu[:usb|:pci|:N]`` or ``library.so[;key=value…]`` selects.

    Examples
    --------
    >>> parse_accelerator("edgetpu:usb").options
    {'device': 'usb'}
    >>> parse_accelerator("libvx_delegate.so;cache=/tmp;level=3").options
    {'cache': '/tmp', 'level': '3'}
    """
    name, _, place = text.partition(":")
    if name == "edgetpu":
        if not re.fullmatch(r"(usb|pci)?(:?\d+)?", place):
            raise UsageError(f"expected edgetpu, edgetpu:usb, edgetpu:pci or edgetpu:0. Received: {text!r}")
        device = f":{place}" if place.isdigit() else place
        library = _EDGETPU.get(platform.system(), _EDGETPU["Linux"])
        return Accelerator(library, {"device": device} if device else {}, edgetpu=True)
    library, *pairs = text.split(";")
    if not library or any("=" not in pair for pair in pairs):
        raise UsageError(f"expected edgetpu or a library with options, libx.so;key=value;…. Received: {text!r}")
    return Accelerator(library, dict(pair.split("=", 1) for pair in pairs))


def identify(accelerator: Accelerator) -> Accelerator:
    """Return the accelerator with what its library is: libedgetpu may be given by path as well.

    Opens the library before the runtime does, whose loader fails badly on errors.

    Raises
    ------
    AcceleratorError
        If the library is missing, does not fit this machine, or is not a delegate.
    """
    try:
        library = ctypes.CDLL(accelerator.library)
    except OSError as error:
        raise AcceleratorError(_library_trouble(accelerator, str(error))) from error
    missing = [name for name in _FUNCTIONS if not hasattr(library, name)]
    if missing:
        raise AcceleratorError(
            f"{accelerator.library} is not an external delegate: expected a library with the functions "
            f"{' and '.join(_FUNCTIONS)}. Received: one without {' and '.join(missing)}."
        )
    if not hasattr(library, _EDGETPU_VERSION):
        return accelerator
    version = getattr(library, _EDGETPU_VERSION)
    version.restype = ctypes.c_char_p
    return replace(accelerator, edgetpu=True, version=(version() or b"").decode(errors="replace"))


def load_delegate(module: Any, accelerator: Accelerator) -> Any:
    """Return the delegate of an identified accelerator, loaded by the runtime's module.

    Raises
    ------
    AcceleratorError
        With the cause: device not found, no permission, refused.
    """
    try:
        return module.load_delegate(accelerator.library, dict(accelerator.options))
    except ValueError as error:
        raise AcceleratorError(_refusal(accelerator, str(error))) from error


def nothing_delegated(accelerator: Accelerator) -> AcceleratorError:
    """Return the error for a delegate that took no op of the graph."""
    remedy = (
        "Export it for the device: saelite export --target edgetpu, then edgetpu_compiler."
        if accelerator.edgetpu
        else "Export it in a scheme the accelerator takes (most want int8: --target edgetpu), or run it on the CPU."
    )
    return AcceleratorError(
        f"{accelerator.library} was loaded but took no op of this graph, so all would run on the CPU. {remedy}"
    )


def not_prepared(accelerator: Accelerator, reason: str) -> AcceleratorError:
    """Return the error for a delegate that was loaded and then failed on the graph."""
    remedy = (
        "The graph and libedgetpu have different versions, or it was not compiled for the Edge TPU: compile it "
        "with edgetpu_compiler and a runtime version that libedgetpu knows (edgetpu_compiler -m)."
        if accelerator.edgetpu
        else "Its version may not fit the runtime's. Try the delegate that was built for this runtime, or the CPU."
    )
    return AcceleratorError(f"{accelerator.library} could not prepare the graph: {reason.strip()}. {remedy}")


def edge_tpus(root: Path = Path("/")) -> list[Device]:
    """Return the Edge TPUs that the kernel sees under `root`."""
    found = [Device("pci", root / "dev" / node.name) for node in sorted((root / "sys/class/apex").glob("apex_*"))]
    for device in sorted((root / "sys/bus/usb/devices").glob("*")):
        if tuple(_content(device / name) for name in ("idVendor", "idProduct")) in _USB_IDS:
            bus, number = (int(_content(device / name) or 0) for name in ("busnum", "devnum"))
            found.append(Device("usb", root / "dev/bus/usb" / f"{bus:03}" / f"{number:03}"))
    return found


def edge_tpu_trouble(place: str, root: Path = Path("/"), version: str = "") -> str:
    """Return why the Edge TPU at `place` (``usb``, ``pci``, ``:0`` or empty) is unavailable to libedgetpu."""
    kind = place.split(":", maxsplit=1)[0]
    devices = [device for device in edge_tpus(root) if kind in ("", device.kind)]
    if not devices:
        return (
            f"no Edge TPU found{f' on {kind}' if kind else ''}. Expected a Coral USB stick (1a6e:089a or 18d1:9302 in "
            "`lsusb`) or a PCIe card (/dev/apex_0). Plug it in again, into a USB 3 port with enough power; a card "
            "needs the gasket driver (package gasket-dkms)."
        )
    if not any(os.access(device.node, os.R_OK | os.W_OK) for device in devices):
        nodes, group = ", ".join(str(device.node) for device in devices), "plugdev" if kind != "pci" else "apex"
        return (
            f"no permission to use the Edge TPU at {nodes}. Add the user to the group {group} "
            f"(sudo usermod -aG {group} $USER), log in again, and plug the device in again so that its udev rule runs."
        )
    return (
        f"the Edge TPU at {devices[0].node} was found but its library{f' ({version})' if version else ''} refused it: "
        "it is in use by another process, or libedgetpu and this runtime have different versions. End the other "
        "process; install the libedgetpu that was built for this runtime's TensorFlow version."
    )


def _library_trouble(accelerator: Accelerator, reason: str) -> str:
    library = accelerator.library
    if re.search(r"ELF|undefined symbol|GLIBC|version|architecture", reason):
        return (
            f"{library} does not fit this machine or this runtime: {reason}. Expected a library built for "
            f"{platform.machine()} and the runtime's TensorFlow version. Install the one that matches."
        )
    if "ermission" in reason:
        return f"no permission to read {library}: {reason}. Make it readable: chmod a+r."
    remedy = _INSTALL if accelerator.edgetpu else "Give the path of the shared library, and install what it needs."
    return f"the accelerator's library is missing: {reason}. Expected {library}. {remedy}"


def _refusal(accelerator: Accelerator, reason: str) -> str:
    if accelerator.edgetpu:
        return edge_tpu_trouble(accelerator.options.get("device", ""), version=accelerator.version)
    said = reason.split("\n", 1)[-1].strip() or "it gave no reason"
    options = ", ".join(f"{key}={value}" for key, value in accelerator.options.items()) or "none"
    return (
        f"{accelerator.library} refused to start: {said}. Options received: {options}. "
        "Check the options, the device and its driver."
    )


def _content(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
