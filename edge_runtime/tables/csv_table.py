"""CSV recordings as tables, block by block: plain or gzip, file or standard input."""

from __future__ import annotations

import gzip
import importlib.util
import io
import itertools
import sys
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

import numpy as np

from edge_runtime.arrays import IntArray
from edge_runtime.common.size_limits import limit, raised_by
from edge_runtime.errors import RecordingError
from edge_runtime.tables.csv_format import CsvFormat, sniff_csv
from edge_runtime.tables.csv_lines import Cells, CsvLines
from edge_runtime.tables.table import Block, Table

_BLOCK_LINES, _LARGE_BLOCK_LINES = 8192, 16_384
_SNIFF_LINES = 20
_GZIP_MAGIC = b"\x1f\x8b"
_LINE_LIMIT, _UNPACKING_LIMIT = "SAELITE_MAX_LINE_KB", "SAELITE_MAX_UNPACKING"
_ALWAYS_UNPACKED = 100_000_000
_LINES_AT_ONCE = 64
_LARGE_FILE_BYTES = 32_000_000


class CsvTable(Table):
    """A CSV text opened for reading; `header` and `format` are known at once, the rows come block by block.

    Parameters
    ----------
    path : str
        File, or ``-`` for standard input.

    Raises
    ------
    RecordingError
        If it cannot be read, is empty, or has no proper header.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = "standard input" if str(path) == "-" else str(path)
        self._file = _open_text(path, self.name)
        self._longest_line = limit(_LINE_LIMIT) * 1024
        self._next_line = partial(self._file.readline, self._longest_line + 1)
        self._packed_bytes = Path(path).stat().st_size if isinstance(_packed(self._file), gzip.GzipFile) else 0
        try:
            # Standard input may be a live sensor: one line must be enough to start.
            head = self._read_lines(2 if str(path) == "-" else _SNIFF_LINES)
            self.format: CsvFormat = sniff_csv(head, self.name)
        except RecordingError:
            self.close()
            raise
        self.header = self.format.header
        self._head = head[1:]
        self._next_number = 2  # the header is line 1
        self._shifts: list[tuple[int, int]] = [(0, 2)]
        """Rows from which on a row's line is this much more than its number."""

    @property
    def _is_plain_file(self) -> bool:
        """Whether it is a file on disk that is not compressed."""
        if self._file is sys.stdin or not isinstance(self._file, io.TextIOWrapper):
            return False
        return isinstance(self._file.buffer, io.BufferedReader)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def place(self, row: int) -> str:
        """Return the file's line that a row stands on, of the rows read so far."""
        return f"line {row + self._shifts[bisect_right(self._shifts, row, key=itemgetter(0)) - 1][1]}"

    def blocks(self, names: Sequence[str], texts: Sequence[str] = ()) -> Iterator[Block]:
        """Yield the rows of some number columns, and of some text columns beside them.

        A large file is read by polars where that is installed.
        """
        self.columns([*names, *texts])
        row, is_fast = 0, self._is_large_file and importlib.util.find_spec("polars") is not None
        self._block_lines = _LARGE_BLOCK_LINES if is_fast else _BLOCK_LINES
        lines_of = CsvLines(self.format, names, texts, fast=is_fast)
        while (found := self._next_lines())[1]:
            numbers, lines = found
            block = self._block(lines_of.read(lines), numbers, row, names)
            yield block
            row += len(block.values)

    def _block(self, cells: Cells, numbers: IntArray, row: int, names: Sequence[str]) -> Block:
        complaint = ""
        if cells.complaint is not None:
            line, wrong = cells.complaint
            complaint = f"{self.name}, line {numbers[line]}: {wrong}"
            if row == 0:
                self._check_numbers(cells, names, complaint)
        self._remember(np.delete(numbers, cells.lost) if cells.lost else numbers, row)
        return Block(cells.values, cells.texts, len(cells.lost), complaint)

    def _remember(self, numbers: IntArray, row: int) -> None:
        """Remember the lines that rows stand on, where these are not one after the other."""
        shifts = numbers - np.arange(row, row + len(numbers))
        for place in np.flatnonzero(np.diff(shifts, prepend=self._shifts[-1][1])).tolist():
            self._shifts.append((row + place, int(shifts[place])))

    def _check_numbers(self, cells: Cells, names: Sequence[str], complaint: str) -> None:
        """Refuse a column that is not numbers at all."""
        texts = [name for name, column in zip(names, cells.values.T, strict=True) if not np.isfinite(column).any()]
        if len(cells.values) and texts and f"column {texts[0]!r}" in complaint:
            raise RecordingError(f"{complaint}. Fix the cells, or leave the column out (--exclude).")

    @property
    def _is_large_file(self) -> bool:
        return self._is_plain_file and Path(self.name).stat().st_size >= _LARGE_FILE_BYTES

    def _next_lines(self) -> tuple[IntArray, list[str]]:
        """Return the lines of the next block that are not blank, and their numbers; none only at the end."""
        found, self._head = self._head, []
        while True:
            more = self._read_lines(self._block_lines - len(found))
            found += more
            numbers = np.arange(self._next_number, self._next_number + len(found))
            self._next_number += len(found)
            lines = [line.rstrip("\r\n") for line in found if not line.isspace()]
            if len(lines) < len(found):
                numbers = numbers[[not line.isspace() for line in found]]
            if lines or not more:
                return numbers, lines
            found = []

    def _read_lines(self, count: int) -> list[str]:
        lines: list[str] = []
        while len(lines) < count:
            # A few at a time: thousands of lines without an end would be gigabytes before one is looked at.
            some = self._read_some(min(_LINES_AT_ONCE, count - len(lines)))
            if not some:
                break
            lines += some
        self._check_unpacking()
        return lines

    def _read_some(self, count: int) -> list[str]:
        try:
            lines = list(itertools.islice(iter(self._next_line, ""), count))
        except (UnicodeDecodeError, EOFError, OSError, zlib.error) as error:
            raise _unreadable(self.name, error) from error
        if max(map(len, lines), default=0) > self._longest_line:
            raise RecordingError(
                f"{self.name} has a line longer than {self._longest_line // 1024} kB. Expected one reading per line. "
                f"{raised_by(_LINE_LIMIT)}"
            )
        return lines

    def _check_unpacking(self) -> None:
        if not self._packed_bytes:
            return
        unpacked, most = _packed(self._file).tell(), limit(_UNPACKING_LIMIT)
        if unpacked > _ALWAYS_UNPACKED and unpacked > most * self._packed_bytes:
            raise RecordingError(
                f"{self.name} unpacks to more than {most} times its size. Expected a recording. "
                f"{raised_by(_UNPACKING_LIMIT)}"
            )


def _packed(file: IO[str]) -> Any:
    """Return what a text file reads from."""
    return getattr(file, "buffer", None)


def _open_text(path: str | Path, name: str) -> IO[str]:
    if str(path) == "-":
        return sys.stdin
    try:
        with Path(path).open("rb") as file:
            compressed = file.read(2) == _GZIP_MAGIC
        opener = gzip.open if compressed else open
        return opener(path, "rt", encoding="utf-8", newline="")
    except OSError as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> RecordingError:
    if isinstance(error, FileNotFoundError):
        return RecordingError(f"no such file: {name}. Expected a CSV recording with a header line.")
    if isinstance(error, OSError) and error.strerror:
        return RecordingError(f"cannot read {name}: {error.strerror}.")
    return RecordingError(f"{name} is not a text file in UTF-8 ({error}). Expected a CSV recording with a header line.")
