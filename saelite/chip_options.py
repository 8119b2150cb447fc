"""What a chip has for a detector in C: options of `saelite train`, `saelite export` and `saelite fleet train`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge_runtime.common.setting import Range, conform, documented, setting


def memory(what: str, example: str, default: str) -> Any:
    """Return a setting that limits one kind of the chip's memory."""
    text = (
        f"For targets c and micro: {what} for the detector, such as {example}; k is 1,024 bytes.  [default: {default}]"
    )
    return setting(None, text, within=Range(1), form="memory")


@documented
@dataclass(frozen=True, kw_only=True)
class ChipOptions:
    """What the chip has; the network is sized for it, and export takes a head that fits.

    Examples
    --------
    >>> ChipOptions(max_flash=0)
    Traceback (most recent call last):
    edge_runtime.errors.UsageError: max_flash: expected a whole number of at least 1. Received: 0
    """

    max_flash: int | None = memory("flash", "32k", "any")
    max_ram: int | None = memory("RAM", "4k", "any")

    def __post_init__(self) -> None:
        conform(self)
