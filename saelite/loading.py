"""Opening a detector as the options of a command say."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:  # numpy comes with it, and --help needs none
    from edge_runtime.inference.accelerators import Accelerator
    from edge_runtime.inference.detector import Detector


def load_detector(
    model: Path,
    *,
    runtime: str,
    threads: int,
    accelerator: str | None,
    accelerator_fallback: str | None,
    trusted_key: tuple[Path, ...] = (),
    content: bytes | None = None,
) -> Detector:
    """Return the detector; on the CPU where the accelerator fails and the fallback allows it, told once.

    Parameters
    ----------
    content : bytes, optional
        What was read from `model` before.
    """
    from edge_runtime.errors import AcceleratorError
    from edge_runtime.inference.detector import Detector
    from edge_runtime.inference.runtimes import Options, find_runtime
    from edge_runtime.model_file.container import parse_model_file, read_content

    file = parse_model_file(read_content(model) if content is None else content, model, trusted_key=trusted_key)
    chosen = find_runtime(runtime)
    try:
        return Detector(file, chosen, Options(threads, None, _accelerator(accelerator)))
    except AcceleratorError as error:
        if accelerator_fallback is None:
            raise
        _tell_once(f"going on on the CPU: {error}")
        return Detector(file, chosen, Options(threads))


def _accelerator(text: str | None) -> Accelerator | None:
    if text is None:
        return None
    from edge_runtime.inference.accelerators import parse_accelerator

    return parse_accelerator(text)


@cache
def _tell_once(message: str) -> None:
    """Print a message on stderr, once in a process: `saelite run` loads a model again and again."""
    click.echo(message, err=True)
