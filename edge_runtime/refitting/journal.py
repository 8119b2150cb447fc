"""Readings on their way to being learnt from, in a file that only grows: a kill loses the last seconds, no more.

Each record is a header, the readings of one stretch as float32, and a checksum over both. A record cut short by a kill
ends the file. What no longer fits into memory is let go of in the file as well, by writing it anew.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.common.atomic import unwritable, write_atomically

_MAGIC = b"saelite readings 1\n"
_RECORD = struct.Struct("<4sI?d")
_MARK = b"READ"
_CHECKSUM = struct.Struct("<I")
_MOST_READINGS = 1 << 24


class Record(NamedTuple):
    """Consecutive readings.

    Parameters
    ----------
    values : ndarray of shape (n, sensors), float32
    follows : bool
        Whether they follow those of the record before.
    watched_s : float
        Time watched since learning began, at the end of them.
    """

    values: FloatArray
    follows: bool
    watched_s: float


class Journal:
    """A file of readings of some sensors.

    Parameters
    ----------
    path : Path
    sensors : tuple of str
    """

    def __init__(self, path: Path, sensors: tuple[str, ...]) -> None:
        self.path, self._sensors = path, len(sensors)
        names = json.dumps(sensors).encode()
        self._head = _MAGIC + _CHECKSUM.pack(len(names)) + names
        self.n_bytes = 0

    def read(self) -> list[Record]:
        """Return the records that are whole; a file of other sensors, or none, is begun anew.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        content = b""
        with suppress(OSError):
            content = self.path.read_bytes()
        if not content.startswith(self._head):
            self.rewrite([])
            return []
        found, end = [], len(self._head)
        for record, stop in self._records(content):
            found.append(record)
            end = stop
        self.n_bytes = end
        if end < len(content):
            write_atomically(self.path, content[:end])
        return found

    def _records(self, content: bytes) -> Iterator[tuple[Record, int]]:
        start = len(self._head)
        while start + _RECORD.size <= len(content):
            mark, count, follows, watched_s = _RECORD.unpack_from(content, start)
            stop = start + _RECORD.size + 4 * self._sensors * count
            if mark != _MARK or count > _MOST_READINGS or stop + _CHECKSUM.size > len(content):
                return
            if _CHECKSUM.unpack_from(content, stop)[0] != zlib.crc32(content[start:stop]):
                return
            values = np.frombuffer(content, "<f4", self._sensors * count, start + _RECORD.size)
            start = stop + _CHECKSUM.size
            if not np.isfinite(values).all() or not 0 <= watched_s < float("inf"):
                return
            yield Record(values.reshape(count, self._sensors).astype(np.float32), follows, watched_s), start

    def append(self, records: list[Record]) -> None:
        """Add records.

        Raises
        ------
        OutputError
            If they cannot be written.
        """
        content = b"".join(map(_packed, records))
        try:
            with self.path.open("ab") as file:
                file.write(content)
                file.flush()
        except OSError as error:
            raise unwritable(self.path, error) from error
        self.n_bytes += len(content)

    def rewrite(self, records: list[Record]) -> None:
        """Write the file anew, atomically."""
        content = self._head + b"".join(map(_packed, records))
        write_atomically(self.path, content)
        self.n_bytes = len(content)


def _packed(record: Record) -> bytes:
    body = _RECORD.pack(_MARK, len(record.values), record.follows, record.watched_s)
    body += np.ascontiguousarray(record.values, "<f4").tobytes()
    return body + _CHECKSUM.pack(zlib.crc32(body))
