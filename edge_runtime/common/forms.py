"""Values with a text of their own, on the command line and in files: durations, sizes, N/M."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from edge_runtime.common.bounds import EXPECTED_BOUNDS, parse_bounds
from edge_runtime.common.durations import exact_duration, parse_duration
from edge_runtime.common.memory_sizes import memory_size_text, parse_memory_size


class Form(NamedTuple):
    """How a value is written.

    Parameters
    ----------
    name : str
        What the help calls it.
    expected : str
        What a text must be, in words.
    parse : callable
        Returns the value of a text, or None if it is not one.
    text : callable
        Returns the text of a value.
    """

    name: str
    expected: str
    parse: Callable[[str], Any | None]
    text: Callable[[Any], str]


def parse_ratio(text: str) -> tuple[int, int] | None:
    """Return the numbers of ``N/M``.

    >>> parse_ratio("3/5"), parse_ratio("3")
    ((3, 5), None)
    """
    needed, slash, out_of = text.partition("/")
    return (int(needed), int(out_of)) if slash and needed.isdecimal() and out_of.isdecimal() else None


def parse_share(text: str) -> float | None:
    """Return the share that ``5%`` or ``0.05`` states, above 0 and at most 1; None if it states none.

    >>> parse_share("5%"), parse_share("0.5"), parse_share("0"), parse_share("120%")
    (0.05, 0.5, None, None)
    """
    number, per_cent, rest = text.partition("%")
    if rest or not number.replace(".", "", 1).isdecimal() or not number.isascii():
        return None
    share = float(number) / (100 if per_cent else 1)
    return share if 0 < share <= 1 else None


FORMS = {
    "duration": Form("DURATION", "a time span, such as 90s, 25m, 2h or 1w", parse_duration, exact_duration),
    "bounds": Form("BOUNDS", EXPECTED_BOUNDS, lambda text: text if parse_bounds(text) else None, str),
    "share": Form("SHARE", "a share, such as 5% or 0.05", parse_share, lambda share: f"{100 * share:.15g}%"),
    "memory": Form("SIZE", "a number of bytes, such as 900, 32k or 1M", parse_memory_size, memory_size_text),
    "ratio": Form("N/M", "N/M, for example 3/5", parse_ratio, lambda pair: f"{pair[0]}/{pair[1]}"),
}
