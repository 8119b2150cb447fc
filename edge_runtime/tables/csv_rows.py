"""CSV recordings as arrays, block by block: plain or gzip, file or standard input."""

from __future__ import annotations

import gzip
import io
import itertools
import sys
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.common.size_limits import limit, raised_by
from edge_runtime.errors import RecordingError
from edge_runtime.tables.csv_format import CsvFormat, sniff_csv
from edge_runtime.tables.table import Block, Table

_BLOCK_LINES = 8192
_SNIFF_LINES = 20
_GZIP_MAGIC = b"\x1f\x8b"
_LINE_LIMIT, _UNPACKING_LIMIT = "SAELITE_MAX_LINE_KB", "SAELITE_MAX_UNPACKING"
_ALWAYS_UNPACKED = 100_000_000
_LINES_AT_ONCE = 64
NO_VALUE = frozenset({"", "na", "n/a", "nan", "null", "none", "-"})


class CsvRows(Table):
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
        self._blanks: list[int] = []
        """For each blank line the row that comes after it."""

    @property
    def is_plain_file(self) -> bool:
        """Whether it is a file on disk that is not compressed."""
        if self._file is sys.stdin or not isinstance(self._file, io.TextIOWrapper):
            return False
        return isinstance(self._file.buffer, io.BufferedReader)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def place(self, row: int) -> str:
        """Return the file's line that a row stands on, of the rows read so far."""
        # The header is line 1.
        return f"line {row + 2 + bisect_right(self._blanks, row)}"

    def blocks(self, names: Sequence[str], texts: Sequence[str] = ()) -> Iterator[Block]:
        """Yield the rows of some number columns, and of some text columns beside them.

        Raises
        ------
        RecordingError
            At the first cell that is neither a number nor empty, or line that is too short.
        """
        number_columns, text_columns = self.columns(names), self.columns(texts)
        first_row = 0
        while lines := self._next_lines(first_row):
            values = self._numbers(lines, number_columns, first_row)
            yield Block(values, self._texts(lines, text_columns, first_row) if text_columns else ())
            first_row += len(lines)

    def _next_lines(self, first_row: int) -> list[str]:
        """Return the lines of the next block; empty only at the end."""
        lines, self._head = self._head, []
        while True:
            more = self._read_lines(_BLOCK_LINES - len(lines))
            found = lines + more
            lines = [line.rstrip("\r\n") for line in found if line.strip()]
            if len(lines) < len(found):
                self._remember_blanks(found, first_row)
            if lines or not more:
                return lines

    def _remember_blanks(self, lines: list[str], row: int) -> None:
        for line in lines:
            if line.strip():
                row += 1
            else:
                self._blanks.append(row)

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
                f"{self.name} has a line longer than {self._longest_line // 1024} kB. Expected one reading a line. "
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

    def _texts(self, lines: list[str], columns: list[int], first_row: int) -> tuple[list[str], ...]:
        separator, last = self.format.separator, max(columns)
        # csv.reader on every line would take three times as long as the numbers do; it is for quotes only.
        rows = [self.format.split(line) if '"' in line else line.split(separator, last + 1) for line in lines]
        short = next((number for number, cells in enumerate(rows) if len(cells) <= last), None)
        if short is not None:
            raise self._too_short(first_row + short, lines[short])
        return tuple([cells[column] for cells in rows] for column in columns)

    def _numbers(self, lines: list[str], columns: list[int], first_row: int) -> FloatArray:
        if self.format.decimal_comma:
            lines = [line.replace(",", ".") for line in lines]
        try:
            return np.loadtxt(
                lines, delimiter=self.format.separator, usecols=columns, comments=None, quotechar='"', ndmin=2
            )
        except ValueError:
            # Something is no number or missing: go cell by cell, and say which.
            return self._numbers_one_by_one(lines, columns, first_row)

    def _numbers_one_by_one(self, lines: list[str], columns: list[int], first_row: int) -> FloatArray:
        values = np.empty((len(lines), len(columns)))
        for number, line in enumerate(lines):
            cells = self.format.split(line)
            where = f"{self.name}, {self.place(first_row + number)}"
            if len(cells) <= max(columns):
                raise self._too_short(first_row + number, line)
            values[number] = [self._number(cells[column], where, column) for column in columns]
        return values

    def _too_short(self, row: int, line: str) -> RecordingError:
        return RecordingError(
            f"{self.name}, {self.place(row)}: expected {len(self.header.names)} columns. "
            f"Received: {len(self.format.split(line))} ({line!r:.80}). Mend or remove the line."
        )

    def _number(self, cell: str, where: str, column: int) -> float:
        text = cell.strip()
        try:
            return float(text)
        except ValueError:
            if text.lower() in NO_VALUE:
                return float("nan")
        raise RecordingError(
            f"{where}, column {self.header.names[column]!r}: expected a number. Received: {cell!r:.80}. "
            "Mend the cell, or leave the column out (--exclude)."
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
