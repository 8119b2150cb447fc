"""Checks that every number and text in a record is finite and of a sane size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from edge_runtime.model_file.json_codec import DecodeError

_LONGEST_TEXT = 10_000
_LARGEST_INTEGER = 2**63


def check_leaves(value: Any, *, any_text: bool = False) -> None:
    """Check a dataclass, a named tuple, or a value in one.

    Parameters
    ----------
    any_text : bool
        Whether texts may hold what UTF-8 cannot, as the path of a file may. No sink could write such a name.

    Raises
    ------
    DecodeError
        With the path of the first invalid value.

    Examples
    --------
    >>> from edge_runtime.model_file.manifest import DriftLimit
    >>> check_leaves(DriftLimit(16, float("inf")))
    Traceback (most recent call last):
    edge_runtime.model_file.json_codec.DecodeError: limit: expected a finite number. Received: inf
    """
    if isinstance(value, float):
        expect("a finite number", value, "", when=math.isfinite(value))
    elif isinstance(value, int):
        expect("an integer of 64 bits", "a larger one", "", when=-_LARGEST_INTEGER <= value < _LARGEST_INTEGER)
    elif isinstance(value, str):
        expect(f"at most {_LONGEST_TEXT} characters", value, "", when=len(value) <= _LONGEST_TEXT)
        expect("characters that UTF-8 can hold", value, "", when=any_text or _is_utf8(value))
    elif not _all_finite(value):
        for name, item in _items(value):
            try:
                check_leaves(item, any_text=any_text)
            except DecodeError as error:
                raise error.inside(name) from None


def expect(expected: str, received: Any, path: str, *, when: bool) -> None:
    """Raise `DecodeError` unless the condition holds."""
    if not when:
        raise DecodeError(f"expected {expected}. Received: {received!r:.80}", path)


def between(lowest: int, highest: int, value: int, path: str) -> None:
    """Raise `DecodeError` unless a number lies between two others."""
    expect(f"{lowest} to {highest}", value, path, when=lowest <= value <= highest)


def _is_utf8(text: str) -> bool:
    """Return whether there is no half of a surrogate pair in it, which JSON can write and UTF-8 cannot."""
    return text.isascii() or not any("\ud800" <= one <= "\udfff" for one in text)


def _all_finite(values: Any) -> bool:
    """Return whether all of these are finite numbers; one pass over thousands of scales."""
    return type(values) is tuple and set(map(type, values)) == {float} and all(map(math.isfinite, values))


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    if hasattr(value, "_asdict"):
        return value._asdict().items()  # type: ignore[no-any-return]  # a named tuple's
    if hasattr(value, "__dataclass_fields__"):
        return ((name, getattr(value, name)) for name in value.__dataclass_fields__)
    if isinstance(value, Mapping):
        return value.items()
    return ((f"[{number}]", item) for number, item in enumerate(value)) if isinstance(value, tuple) else ()
