"""Options in a spec: what follows its question mark."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from edge_runtime.errors import UsageError


def options_of(rest: str, known: tuple[str, ...], spec: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the question mark, and the options after it.

    Raises
    ------
    UsageError
        If an option is not known.
    """
    place, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UsageError(f"--source {spec}: unknown option {', '.join(unknown)}. Expected: {', '.join(known)}.")
    return place, options


def number_option(options: Mapping[str, str], name: str, default: float, spec: str) -> float:
    """Return an option that is a number above zero.

    Raises
    ------
    UsageError
        If it is not.
    """
    try:
        value = float(options.get(name, default))
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise UsageError(f"--source {spec}: {name} must be a number above zero. Received: {options[name]!r}")
    return value
