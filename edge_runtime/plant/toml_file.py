"""A TOML file with the lines of its keys, and the problems found in it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_runtime.errors import PlantFileError, missing_extra
from edge_runtime.plant.toml_lines import key_lines

_LARGEST_BYTES = 10_000_000


@dataclass
class TomlFile:
    """What a file says, where it says it, and what is wrong with it.

    Parameters
    ----------
    path : Path
    content : dict
    lines : dict of tuple of str to int
        Line of each table and key.
    """

    path: Path
    content: dict[str, Any]
    lines: dict[tuple[str, ...], int]
    _problems: set[tuple[int, str]] = field(default_factory=set)

    @classmethod
    def read(cls, path: Path) -> TomlFile:
        """Read a file.

        Raises
        ------
        PlantFileError
            If it cannot be read or is not TOML.
        MissingExtraError
            If this Python has no TOML parser.
        """
        try:
            with path.open("rb") as file:
                text = file.read(_LARGEST_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
        except OSError as error:
            raise PlantFileError(f"cannot read {path}: {error.strerror}. Expected the file of a plant.") from error
        except UnicodeDecodeError as error:
            raise PlantFileError(f"{path}: expected UTF-8 text. Received: other bytes ({error.reason}).") from error
        return cls(path, _parsed(path, text), key_lines(text))

    def line_of(self, *keys: str) -> int:
        """Return the line of a key, or of the innermost table around it that has one."""
        return next((self.lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in self.lines), 1)

    def line_in(self, tables: Iterable[tuple[str, ...]], word: str) -> int:
        """Return the line of a key in the first of some tables that has it; otherwise that of the first table."""
        places = [(*table, word) for table in tables]
        return self.line_of(*next((place for place in places if place in self.lines), places[0]))

    def report(self, line: int, problem: str) -> None:
        """Note a problem, once."""
        self._problems.add((line, problem))

    def raise_problems(self) -> None:
        """Raise if there are problems.

        Raises
        ------
        PlantFileError
            With a line for each of them.
        """
        if self._problems:
            raise PlantFileError("\n".join(f"{self.path}:{line}: {text}" for line, text in sorted(self._problems)))


def _parsed(path: Path, text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ImportError as error:
            raise missing_extra("tomli", "plant", "a plant's file with this version of Python") from error
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        where = re.search(r" \(at line (\d+), column (\d+)\)", str(error))
        line = int(where[1]) if where else text.count("\n") + 1
        what = str(error).replace(where[0], f" in column {where[2]}") if where else str(error)
        raise PlantFileError(f"{path}:{line}: expected TOML. Received: {what}.") from error
