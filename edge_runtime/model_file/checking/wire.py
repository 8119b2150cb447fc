"""Verification of the FlatBuffers wire format: in an accepted file, no reader of any language leaves the file.

The C++ readers inside the TFLite runtimes check nothing. A table is accepted if its vtable and all of it lie inside the
file and each field inside the table; a vector or string if all of it does.

References
----------
FlatBuffers internals: https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelFileError

_SIZES = {"b": 1, "B": 1, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8}
_FORMATS = {kind: struct.Struct(f"<{kind}") for kind in _SIZES}
MOST_TABLES = 200_000


class Wire:
    """A flatbuffer's bytes and the number of tables visited, which is limited because many may point to one."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.visited = 0

    def root(self) -> VerifiedTable:
        """Return the root table."""
        return VerifiedTable(self, self.target(0))

    def target(self, position: int) -> int:
        """Return where the offset at `position` points: forward, and inside the file."""
        return position + int(self.number(position, "I"))

    def number(self, position: int, kind: str) -> Any:
        """Return the number at `position`."""
        self.expect(position, _SIZES[kind])
        return _FORMATS[kind].unpack_from(self.content, position)[0]

    def expect(self, position: int, size: int, alignment: int = 1) -> None:
        """Raise unless `size` bytes at `position` are inside the file, and aligned as a processor may require."""
        if position < 0 or position + size > len(self.content) or position % alignment:
            raise damaged(f"it points to {size} bytes at {position} of {len(self.content)}")


class VerifiedTable:
    """A table, its fields by number as in the schema; an absent field has its default."""

    def __init__(self, wire: Wire, position: int) -> None:
        wire.visited += 1
        if wire.visited > MOST_TABLES:
            raise damaged(f"it has more than {MOST_TABLES} tables")
        wire.expect(position, 4, alignment=4)
        vtable = position - int(wire.number(position, "i"))
        wire.expect(vtable, 4, alignment=2)
        vtable_size, size = (int(wire.number(vtable + at, "H")) for at in (0, 2))
        if vtable_size < 4 or vtable_size % 2 or size < 4:
            raise damaged(f"a table of {size} bytes has a vtable of {vtable_size}")
        wire.expect(vtable, vtable_size)
        wire.expect(position, size)
        self._wire, self._position, self._size = wire, position, size
        self._offsets = struct.unpack_from(f"<{(vtable_size - 4) // 2}H", wire.content, vtable + 4)
        if any(offset and not 4 <= offset < size for offset in self._offsets):
            raise damaged("a field lies outside its table")

    def number(self, field: int, kind: str, default: float = 0) -> Any:
        """Return a number; `kind` is a `struct` letter."""
        position = self._find(field, _SIZES[kind])
        return default if position is None else self._wire.number(position, kind)

    def has(self, field: int) -> bool:
        """Return whether a field is given."""
        return self._find(field, 1) is not None

    def known_fields(self, count: int) -> None:
        """Raise if a field beyond the first `count` is given: a runtime might read it unverified."""
        if any(self._offsets[count:]):
            raise damaged("a table has a field that this saelite does not know; a newer one may")

    def scalars_only(self) -> None:
        """Raise unless every field can be a number of up to eight bytes inside the table."""
        for field, offset in enumerate(self._offsets):
            if offset:
                self._find(field, 1)

    def table(self, field: int) -> VerifiedTable | None:
        """Return a table, or None if it is absent."""
        position = self._find(field, 4)
        return None if position is None else VerifiedTable(self._wire, self._wire.target(position))

    def tables(self, field: int, most: int) -> list[VerifiedTable]:
        """Return a vector of at most `most` tables."""
        start, length = self._vector(field, 4, most)
        return [VerifiedTable(self._wire, self._wire.target(start + 4 * number)) for number in range(length)]

    def numbers(self, field: int, kind: str, most: int = 1 << 24) -> npt.NDArray[Any]:
        """Return a vector of numbers."""
        start, length = self._vector(field, _SIZES[kind], most)
        return np.frombuffer(self._wire.content, f"<{kind}", length, start) if length else np.empty(0, f"<{kind}")

    def vector(self, field: int, kind: str) -> tuple[int, int]:
        """Return the start and length of a vector of numbers."""
        return self._vector(field, _SIZES[kind], len(self._wire.content))

    def extent(self, field: int) -> tuple[int, int]:
        """Return the start and length of a vector of bytes."""
        return self._vector(field, 1, len(self._wire.content))

    def text(self, field: int) -> str:
        """Return a string: UTF-8, its terminating zero in place."""
        start, length = self._vector(field, 1, 1 << 16)
        if not start:
            return ""
        self._wire.expect(start, length + 1)
        if self._wire.content[start + length]:
            raise damaged("a text does not end with a zero byte")
        try:
            return self._wire.content[start : start + length].decode()
        except UnicodeDecodeError as error:
            raise damaged(f"a text is not UTF-8 ({error})") from error

    def _vector(self, field: int, size: int, most: int) -> tuple[int, int]:
        position = self._find(field, 4)
        if position is None:
            return 0, 0
        start = self._wire.target(position)
        self._wire.expect(start, 4, alignment=4)
        length = int(self._wire.number(start, "I"))
        if length > most:
            raise damaged(f"a list has {length} entries, expected at most {most}")
        self._wire.expect(start + 4, length * size, alignment=size if length else 1)
        return start + 4, length

    def _find(self, field: int, size: int) -> int | None:
        offset = self._offsets[field] if field < len(self._offsets) else 0
        if not offset:
            return None
        if offset + size > self._size:
            raise damaged("a field lies outside its table")
        position = self._position + offset
        self._wire.expect(position, size, alignment=size)
        return position


def damaged(what: str) -> ModelFileError:
    """Return the error for a damaged graph."""
    return ModelFileError(f"the graph is damaged: {what}. Copy or export the file again, and do not use this one.")
