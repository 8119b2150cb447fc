"""A sensor's place in a Modbus device, and how its registers become a number."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from edge_runtime.errors import UsageError

TABLES = ("coil", "discrete", "input", "holding")
BIT_TABLES = ("coil", "discrete")
TYPES = {
    "bool": "?", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
    "float32": "f", "float64": "d",
}  # fmt: skip
ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
_NUMBER = r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_REGISTER = re.compile(
    r"(?:(?P<unit>\d{1,3})/)?(?:(?P<table>[a-z]+):(?P<address>\d{1,5})|(?P<number>\d{5,6}))"
    r"(?::(?P<type>[a-z]+\d*))?(?::(?P<order>[A-D]{4}))?"
    rf"(?:\*(?P<scale>-?{_NUMBER}))?(?P<offset>[+-]{_NUMBER})?"
)
# 40001 is the first holding register in manuals, 30001 the first input register; on the wire both are number 0.
_MANUAL_DIGITS = {"0": "coil", "1": "discrete", "3": "input", "4": "holding"}


@dataclass(frozen=True)
class Register:
    """Where a value is and what it means.

    ``[UNIT/]TABLE:ADDRESS[:TYPE][:ORDER][*SCALE][+OFFSET]``, or the number that manuals print instead of
    table and address: ``40101`` is ``holding:100``.

    Parameters
    ----------
    table : str
        ``holding``, ``input``, ``coil`` or ``discrete``.
    address : int
        Counted from 0, as on the wire.
    type : str
        ``uint16`` by default, ``bool`` for bits.
    order : str
        ``ABCD`` is big-endian, ``CDAB`` has its registers swapped, ``BADC`` the bytes in each register, ``DCBA`` both.
    scale, offset : float
        The sensor's value is ``scale * number + offset``.
    unit : int or None
        Device on the line; None is the source's.
    """

    table: str
    address: int
    type: str
    order: str = "ABCD"
    scale: float = 1.0
    offset: float = 0.0
    unit: int | None = None

    @classmethod
    def parse(cls, text: str) -> Register:
        """Parse a register.

        Raises
        ------
        UsageError
            If it has another form.

        Examples
        --------
        >>> Register.parse("holding:100:float32:CDAB*0.1-40")
        Register(table='holding', address=100, type='float32', order='CDAB', scale=0.1, offset=-40.0, unit=None)
        >>> Register.parse("3/30011:int16")
        Register(table='input', address=10, type='int16', order='ABCD', scale=1.0, offset=0.0, unit=3)
        """
        match = _REGISTER.fullmatch(text)
        if match is None:
            raise _refusal(text)
        unit = None if match["unit"] is None else int(match["unit"])
        table, address = _place(match)
        kind = match["type"] or ("bool" if table in BIT_TABLES else "uint16")
        order = match["order"] or "ABCD"
        good = table in TABLES and kind in TYPES and order in ORDERS and (kind == "bool") == (table in BIT_TABLES)
        if not good or not 0 <= address <= 65_535 or not 0 <= (unit or 0) <= 255:
            raise _refusal(text)
        return cls(table, address, kind, order, float(match["scale"] or 1), float(match["offset"] or 0), unit)

    @property
    def count(self) -> int:
        """Number of registers or bits it takes."""
        return max(1, struct.calcsize(TYPES[self.type]) // 2)

    def value(self, words: Sequence[int]) -> float:
        """Return the sensor's value.

        Parameters
        ----------
        words : sequence of int
            Its registers, or its bit.

        Examples
        --------
        >>> Register.parse("holding:0:int32:CDAB*0.5").value([0xFFFE, 0xFFFF])
        -1.0
        """
        if self.type == "bool":
            return float(words[0]) * self.scale + self.offset
        ordered = words[::-1] if self.order in ("CDAB", "DCBA") else words
        endian = "<" if self.order in ("BADC", "DCBA") else ">"
        content = struct.pack(f"{endian}{len(ordered)}H", *ordered)
        return float(struct.unpack(f">{TYPES[self.type]}", content)[0]) * self.scale + self.offset


def _place(match: re.Match[str]) -> tuple[str, int]:
    if match["number"]:
        return _MANUAL_DIGITS.get(match["number"][0], ""), int(match["number"][1:]) - 1
    return match["table"], int(match["address"])


def _refusal(text: str) -> UsageError:
    return UsageError(
        "Modbus: expected [UNIT/]TABLE:ADDRESS[:TYPE][:ORDER][*SCALE][+OFFSET], such as holding:100:float32 or "
        f"40101:int16*0.1, with a table of {', '.join(TABLES)}, a type of {', '.join(TYPES)} (bool for bits alone) and "
        f"an order of {', '.join(ORDERS)}. Received: {text!r:.80}"
    )
