"""Files that hold what must survive a power cut: JSON with its own checksum, written completely or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from edge_runtime.common.atomic import write_atomically
from edge_runtime.errors import OutputError

T = TypeVar("T")


class DamagedError(ValueError):
    """A file does not hold what was written."""


def write_checked(path: Path, data: dict[str, Any]) -> None:
    """Write an object of JSON atomically, with its checksum.

    Raises
    ------
    OutputError
        If the file cannot be written, or a number is not finite; the file before is kept.
    """
    try:
        text = json.dumps(data, allow_nan=False)
    except ValueError as error:
        raise OutputError(f"cannot write {path}: the state holds a number that is not finite ({error}).") from error
    write_atomically(path, f'{{"sha256": "{_sha256(text)}", "state": {text}}}\n'.encode())


def read_checked(path: Path, most_bytes: int, what: str, decode: Callable[[dict[str, Any]], T]) -> T | None:
    """Return what a file holds; None if there is no file.

    Parameters
    ----------
    path : Path
    most_bytes : int
        Longer files are not read.
    what : str
        What it should be, for messages.
    decode : callable
        Takes the object of JSON; raises ValueError if it makes no sense.

    Raises
    ------
    DamagedError
        If the file cannot be read, or is not what was written.
    """
    try:
        data = json.loads(_read(path, most_bytes))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedError(f"cannot read the state {path} ({error!s:.200}).") from error
    state = data.get("state") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(state, dict):
        raise DamagedError(f"{path} is not {what}.")
    if data.get("sha256") != _sha256(json.dumps(state)):
        raise DamagedError(f"{path} does not match its checksum: it was changed or is damaged.")
    try:
        return decode(state)
    except ValueError as error:
        raise DamagedError(f"{path} is not {what} ({error}).") from error


def set_aside(path: Path) -> str:
    """Rename a file that cannot be used to ``NAME.bad``; return what became of it, to follow "It is not used"."""
    bad = path.with_name(f"{path.name}.bad")
    try:
        path.replace(bad)
    except OSError as error:
        return f", and could not be set aside ({error.strerror})"
    return f" but set aside as {bad.name}"


def _read(path: Path, most_bytes: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"it is longer than {most_bytes / 1e6:.0f} MB")
    return content


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
