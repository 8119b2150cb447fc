"""FlatBuffers wire format, read with `struct`; every offset is checked against the file.

References
----------
FlatBuffers internals: https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from edge_runtime.errors import ModelFileError

_FORMATS = {name: struct.Struct(f"<{name}") for name in "bBhHiIqQf"}


class Reader:
    """A flatbuffer's bytes; reads that leave them raise `ModelFileError`."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def root(self) -> Table:
        """Return the root table."""
        return Table(self, self.follow(0))

    def scalar(self, position: int, kind: str) -> Any:
        """Return the number at `position`; `kind` is a `struct` letter."""
        self.check(position, _FORMATS[kind].size)
        return _FORMATS[kind].unpack_from(self.content, position)[0]

    def follow(self, position: int) -> int:
        """Return the position to which the unsigned offset at `position` points."""
        return position + int(self.scalar(position, "I"))

    def check(self, position: int, size: int) -> None:
        """Raise unless `size` bytes at `position` are inside the file."""
        if position < 0 or position + size > len(self.content):
            raise ModelFileError(
                f"the graph is damaged: it points to bytes {position} to {position + size}. "
                f"Received: a flatbuffer of {len(self.content)} bytes. Copy or export the file again."
            )


class Table:
    """A table: fields by number, as in the schema; an absent field has its default."""

    def __init__(self, reader: Reader, position: int) -> None:
        self._reader, self._position = reader, position
        self._vtable = position - int(reader.scalar(position, "i"))
        self._fields = (int(reader.scalar(self._vtable, "H")) - 4) // 2

    def scalar(self, field: int, kind: str, default: float = 0) -> Any:
        """Return a number; `kind` is a `struct` letter."""
        position = self._find(field)
        return default if position is None else self._reader.scalar(position, kind)

    def table(self, field: int) -> Table | None:
        """Return a table, or None if it is absent."""
        position = self._find(field)
        return None if position is None else Table(self._reader, self._reader.follow(position))

    def tables(self, field: int) -> list[Table]:
        """Return a vector of tables."""
        reader = self._reader
        return self._vector(field, 4, lambda position: Table(reader, reader.follow(position)))

    def scalars(self, field: int, kind: str) -> list[Any]:
        """Return a vector of numbers."""
        return self._vector(field, _FORMATS[kind].size, lambda position: self._reader.scalar(position, kind))

    def bytes(self, field: int) -> bytes:
        """Return a vector of bytes, or a string's bytes."""
        start, length = self._extent(field, 1)
        return self._reader.content[start : start + length]

    def _find(self, field: int) -> int | None:
        if field >= self._fields:
            return None
        offset = int(self._reader.scalar(self._vtable + 4 + 2 * field, "H"))
        return self._position + offset if offset else None

    def _extent(self, field: int, size: int) -> tuple[int, int]:
        position = self._find(field)
        if position is None:
            return 0, 0
        start = self._reader.follow(position)
        length = int(self._reader.scalar(start, "I"))
        self._reader.check(start + 4, length * size)
        return start + 4, length

    def _vector(self, field: int, size: int, read: Callable[[int], Any]) -> list[Any]:
        start, length = self._extent(field, size)
        return [read(start + number * size) for number in range(length)]
