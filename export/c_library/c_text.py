"""Text that goes into C: identifiers, comments, strings, numbers, arrays. Everything from a manifest passes here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

_LINE = 100
_MARK = re.compile(r"@(\w+)@")
# In a comment: what cannot end it, continue it on the next line, or form a trigraph.
_COMMENT_MARKS = frozenset(" _-.,:;+()[]%=<>'/°")
_STRING_MARKS = frozenset(map(chr, range(32, 127))) - {'"', "\\", "?"}
_PREFIX = "detector_"
EXPONENT_BIAS = 127
"""Of a float32: what to add to a power of two to have its bits."""


def fill(text: str, fields: Mapping[str, Any]) -> str:
    """Return a template with each ``@name@`` replaced, in one pass: no value is read as a template.

    >>> fill("@n@_net: @title@", {"n": "pump", "title": "@n@"})
    'pump_net: @n@'
    """
    return _MARK.sub(lambda mark: str(fields[mark[1]]), text)


def identifier(name: str) -> str:
    """Return a C identifier made of a name.

    >>> identifier("pump 7/b"), identifier("2nd-pump v1.0"), identifier('*/ system("x")')
    ('pump_7_b', 'detector_2nd_pump_v1_0', 'system_x')
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    return plain if plain[:1].isalpha() else f"{_PREFIX}{plain}".rstrip("_")


def identifiers(names: Iterable[str]) -> list[str]:
    """Return different identifiers for names, also for those that differ only in what C does not take.

    >>> identifiers(["oil °C", "oil C", "oil-C"])
    ['oil_C', 'oil_C_2', 'oil_C_3']
    """
    found: list[str] = []
    for name in map(identifier, names):
        taken, number, one = {other.upper() for other in found}, 1, name
        while one.upper() in taken:
            number += 1
            one = f"{name}_{number}"
        found.append(one)
    return found


def comment(text: str) -> str:
    r"""Return text for a line comment, in which it can do nothing; other characters become ``_``.

    >>> comment('*/ system("x") \\')
    '_/ system(_x_) _'
    """
    return "".join(one if one.isalnum() or one in _COMMENT_MARKS else "_" for one in " ".join(text.split()))


def markdown(text: str) -> str:
    """Return text for Markdown, in which it is neither markup nor a link.

    >>> markdown("<b>[x](y)|")
    '_b__x_(y)_'
    """
    return re.sub(r"[<>\[\]_]", "_", comment(text))


def string(text: str) -> str:
    r"""Return a C string literal; bytes other than plain ASCII are written in octal, as UTF-8.

    >>> print(string('°C "x"??/'))
    "\302\260C \042x\042\077\077/"
    """
    plain = (one if one in _STRING_MARKS else _octal(one) for one in text)
    return f'"{"".join(plain)}"'


def _octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode(errors="replace"))


def single(value: float) -> str:
    """Return a float32 as a C literal; nine digits distinguish any two values.

    >>> single(0.1), single(1), single(-8)
    ('0.100000001f', '1.0f', '-8.0f')
    """
    text = f"{np.float32(value):.9g}"
    return f"{text if any(mark in text for mark in '.e') else f'{text}.0'}f"


def double(value: float) -> str:
    """Return a float64 as a C literal."""
    return repr(float(value))


def floats(values: Any) -> str:
    """Return the lines of a float array."""
    return _lines(single(value) for value in np.ravel(values))


def doubles(values: Any) -> str:
    """Return the lines of a double array."""
    return _lines(double(value) for value in np.ravel(values))


def integers(values: Any) -> str:
    """Return the lines of an array of integers."""
    return _lines(str(int(value)) for value in np.ravel(values))


def octets(content: bytes) -> str:
    """Return the lines of an array of bytes."""
    return _lines(f"0x{byte:02x}" for byte in content)


def _lines(cells: Iterable[str]) -> str:
    lines, line = [], " "
    for cell in cells:
        if len(line) + len(cell) + 2 > _LINE:
            lines.append(line)
            line = " "
        line += f" {cell},"
    return "\n".join([*lines, line])
