"""Opening a detector as options say."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edge_runtime.common.setting import Range, conform, documented, setting
from edge_runtime.common.silence import STDERR
from edge_runtime.errors import AcceleratorError
from edge_runtime.inference.accelerators import Accelerator, parse_accelerator
from edge_runtime.inference.detector import Detector
from edge_runtime.inference.runtimes import Options, find_runtime
from edge_runtime.model_file.container import ModelFile, parse_model_file, read_content


@documented
@dataclass(frozen=True)
class Opening:
    """How to open a model file."""

    runtime: str = setting("auto", "Runtime: auto, ai-edge-litert, tflite-runtime or numpy.")
    threads: int = setting(1, "Threads of the interpreter; one is fastest for small networks.", within=Range(1))
    accelerator: str | None = setting(
        None,
        "Accelerator: edgetpu, edgetpu:usb, edgetpu:pci, edgetpu:0, or an external delegate's library with "
        "options: libx.so;key=value. [default: the CPU]",
        metavar="NAME",
        example="edgetpu",
    )
    accelerator_fallback: str | None = setting(
        None, "Fallback if the accelerator is unavailable.  [default: none, fail]", choices=("cpu",)
    )
    trusted_key: tuple[Path, ...] = setting(
        (),
        "Public key that must have signed the file; other files are refused. Repeatable, while one key "
        "replaces another.",
        form="paths",
        example=(Path("maker.pem.pub"),),
    )
    device_key: tuple[Path, ...] = setting(
        (),
        "Public key of this device: a file that it signed is accepted if it adapts one that a trusted key signed. "
        "Repeatable.",
        form="paths",
        example=(Path("device.pem.pub"),),
    )

    def __post_init__(self) -> None:
        conform(self)

    def open(self, model: Path, content: bytes | None = None) -> Detector:
        """Return the detector; on the CPU if the accelerator fails and the fallback allows it, reported once.

        Parameters
        ----------
        model : Path
        content : bytes, optional
            What was read from `model` before.
        """
        file = self.parse(model, read_content(model) if content is None else content)
        chosen = find_runtime(self.runtime)
        try:
            return Detector(file, chosen, self.options)
        except AcceleratorError as error:
            if self.accelerator_fallback is None:
                raise
            _tell_once(f"continuing on the CPU: {error}")
            return Detector(file, chosen, Options(self.threads))

    def parse(self, model: Path, content: bytes) -> ModelFile:
        """Return a file's contents, checked and signed as required; `model` is for messages."""
        return parse_model_file(content, model, trusted_key=self.trusted_key, device_key=self.device_key)

    @property
    def options(self) -> Options:
        """How a runtime opens a graph."""
        return Options(self.threads, None, _accelerator(self.accelerator))


def _accelerator(text: str | None) -> Accelerator | None:
    return None if text is None else parse_accelerator(text)


@cache
def _tell_once(message: str) -> None:
    """Print a message on stderr, once per process: `saelite run` may load a model many times."""
    with STDERR:
        sys.stderr.write(f"{message}\n")
