"""The files of one asset as one table: its rows follow each other, whichever file, row group or block they came in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edge_runtime.arrays import Times
from edge_runtime.errors import RecordingError
from edge_runtime.tables.open_table import open_table
from edge_runtime.tables.table import Block, Table


class Part(NamedTuple):
    """One file.

    Parameters
    ----------
    path : Path
    name : str
        What messages call it.
    """

    path: Path
    name: str


class JoinedTable(Table):
    """Files one after the other: in the order of their times, or of their names where they have none.

    Numbers in names count as numbers: ``part-10`` comes after ``part-2``.

    Parameters
    ----------
    name : str
        Of the asset, for messages.
    parts : sequence of Part
        At least one.

    Raises
    ------
    RecordingError
        If a file cannot be read, or one lacks the time column that the others have.
    """

    def __init__(self, name: str, parts: Sequence[Part]) -> None:
        self.name = name
        with _opened(parts[0]) as table:
            self.header, self.period_s = table.header, table.period_s if len(parts) == 1 else None
        time = self.header.time_column
        named = sorted(parts, key=lambda part: _natural(part.name))
        self._parts = named if time is None or len(parts) == 1 else _by_time(named, time)
        self._starts = [0]

    def blocks(self, names: Sequence[str], texts: Sequence[str] = ()) -> Iterator[Block]:
        """Yield the rows of all files; see `Table.blocks`."""
        for part in self._parts:
            with _opened(part) as table:
                yield from table.blocks(names, texts)

    def timed(self, names: Sequence[str], time: str, texts: Sequence[str] = ()) -> Iterator[tuple[Times, Block]]:
        """Yield the rows of all files and their times; see `Table.timed`.

        Raises
        ------
        RecordingError
            If a file begins before the one before it ends.
        """
        last_s, before = -math.inf, ""
        for part in self._parts:
            newest_s = last_s
            with _opened(part) as table:
                for number, (times, block) in enumerate(table.timed(names, time, texts)):
                    known = times[np.isfinite(times)]
                    if number == 0 and len(known) and known[0] < last_s:
                        raise _overlap(self.name, before, part.name)
                    newest_s = float(known[-1]) if len(known) else newest_s
                    yield times, block
            last_s, before = newest_s, part.name

    def time_kind(self, time: str) -> str:
        """Return what the first file's times are; see `Table.time_kind`."""
        with _opened(self._parts[0]) as table:
            return table.time_kind(time)


def _opened(part: Part) -> Table:
    table = open_table(part.path)
    table.name = part.name
    return table


def _by_time(parts: Sequence[Part], time: str) -> list[Part]:
    """Return files by the first time that each has; those without one are empty."""
    return sorted(parts, key=lambda part: _first_s(part, time))


def _first_s(part: Part, time: str) -> float:
    with _opened(part) as table:
        for times, _ in table.timed(table.header.candidates[:1], time):
            known = times[np.isfinite(times)]
            if len(known):
                return float(known[0])
    return -math.inf


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Return a key that sorts numbers in names as numbers.

    >>> sorted(["part-10", "part-2"], key=_natural)
    ['part-2', 'part-10']
    """
    return [(word.isdecimal(), int(word) if word.isdecimal() else 0, word) for word in re.split(r"(\d+)", name)]


def _overlap(asset: str, before: str, after: str) -> RecordingError:
    return RecordingError(
        f"the files of {asset} overlap in time: {after} begins before {before} ends. Expected files that follow each "
        "other, each sorted by time. Sort the rows by time, or remove what is there twice."
    )
