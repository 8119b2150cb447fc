"""Counts with their noun, as text."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return a count and its noun, in the plural unless it is one.

    >>> counted(1, "gap"), counted(1200, "row"), counted(0, "alarm")
    ('1 gap', '1,200 rows', '0 alarms')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
