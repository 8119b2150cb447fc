"""Opening a detector as the options of a command say."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:  # numpy comes with it, and --help needs none
    from edge_runtime.detector import Detector


def load_detector(
    model: Path,
    *,
    runtime: str,
    threads: int,
    accelerator: str | None,
    accelerator_fallback: str | None,
    trusted_key: Path | None,
) -> Detector:
    """Return the detector; on the CPU where the accelerator fails and the fallback allows it, told once."""
    from edge_runtime.detector import Detector
    from edge_runtime.errors import AcceleratorError

    try:
        return Detector.load(
            model, runtime=runtime, num_threads=threads, accelerator=accelerator, trusted_key=trusted_key
        )
    except AcceleratorError as error:
        if accelerator_fallback is None:
            raise
        _tell_once(f"going on on the CPU: {error}")
        return Detector.load(model, runtime=runtime, num_threads=threads, trusted_key=trusted_key)


@cache
def _tell_once(message: str) -> None:
    """Print a message on stderr, once in a process: `saelite run` loads a model again and again."""
    click.echo(message, err=True)
