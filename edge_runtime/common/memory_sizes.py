"""Sizes of a chip's memory as data sheets write them: ``32k`` is 32,768 bytes."""

from __future__ import annotations

import re

_UNITS = {"": 1, "k": 1024, "M": 1024**2}


def parse_memory_size(text: str) -> int | None:
    """Return a size in bytes, or None if the text is not one.

    >>> parse_memory_size("32k"), parse_memory_size("1.5M"), parse_memory_size("900"), parse_memory_size("much")
    (32768, 1572864, 900, None)
    """
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)([kM]?)", text)
    return None if match is None else int(float(match[1]) * _UNITS[match[2]])


def memory_size_text(n_bytes: int) -> str:
    """Return bytes as `parse_memory_size` reads them.

    >>> memory_size_text(32768), memory_size_text(900)
    ('32k', '900')
    """
    unit = next(unit for unit in ("M", "k", "") if not unit or (n_bytes and n_bytes % _UNITS[unit] == 0))
    return f"{n_bytes // _UNITS[unit]}{unit}"
