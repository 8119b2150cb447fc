"""Work in a folder that can be taken up again: what it was begun with, and what came of each asset so far."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edge_runtime.common.atomic import unwritable, write_atomically
from edge_runtime.common.lock import FileLock
from edge_runtime.errors import OutputError, RecordingError
from edge_runtime.model_file.json_codec import DecodeError, from_json

SCHEMA = 1
T = TypeVar("T")


@dataclass(frozen=True)
class BegunWork:
    """What a folder was begun with.

    Parameters
    ----------
    path : Path
        The folder.
    record : Path
        JSON file that says it, in the folder or in one of its own there.
    what : str
        What the folder holds, for messages: ``a fleet``.
    """

    path: Path
    record: Path
    what: str

    @contextmanager
    def claimed(self, asked: Mapping[str, Any], *, resume: bool) -> Iterator[None]:
        """Make the folder, or take it up again, and keep other processes out while the block runs.

        Parameters
        ----------
        asked : mapping
            What identifies the work, in JSON's types.
        resume : bool
            Whether work that is there already is wanted.

        Raises
        ------
        OutputError
            If there is work and `resume` is False, or it was begun with other options, or the folder is in use.
        """
        try:
            self._check_foreign()
            self.record.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from error
        lock = FileLock(self.record)
        try:
            check_begun(self.begun_with(), asked, str(self.path), self.what, resume=resume)
            write_atomically(self.record, record_of(asked))
            yield
        finally:
            lock.release()

    def begun_with(self) -> dict[str, Any] | None:
        """Return what was asked for; None if nothing was begun.

        Raises
        ------
        OutputError
            If it cannot be read.
        """
        try:
            return begun_in(self.record.read_bytes(), str(self.record))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise OutputError(f"{self.record} cannot be read ({error}). Choose another folder.") from error

    def _check_foreign(self) -> None:
        own = {self.record.parent, self.record.with_name(f".{self.record.name}.lock")}
        if self.begun_with() is None and self.path.exists() and set(self.path.iterdir()) - own:
            raise OutputError(f"{self.path} exists and is not {self.what}. Choose another folder with -o.")


def record_of(asked: Mapping[str, Any]) -> bytes:
    """Return the record of what was asked for."""
    return json.dumps({"schema": SCHEMA, **asked}, indent=1).encode() + b"\n"


def begun_in(content: bytes, place: str) -> dict[str, Any]:
    """Return what a record says was asked for.

    Raises
    ------
    OutputError
        If it is damaged.
    """
    try:
        found = json.loads(content)
    except ValueError as error:
        raise OutputError(f"{place} cannot be read ({error}). Choose another folder.") from error
    return found if isinstance(found, dict) else {}


def check_begun(
    begun: Mapping[str, Any] | None, asked: Mapping[str, Any], place: str, what: str, *, resume: bool
) -> None:
    """Raise OutputError if there is work that is not wanted, or that was begun with other options."""
    if begun is None:
        return
    if not resume:
        raise OutputError(
            f"{place} already holds {what}. Go on with that (--resume), or choose another folder with -o."
        )
    changed = sorted(name for name in {*begun, *asked} - {"schema"} if begun.get(name) != asked.get(name))
    if changed or begun.get("schema") != SCHEMA:
        raise OutputError(
            f"{place} was begun with other options ({', '.join(changed) or 'of another saelite'}). Repeat the "
            "command with the options it was begun with, or choose another folder with -o."
        )


def read_outcome(kind: type[T], path: Path) -> T:
    """Return what came of an asset.

    Raises
    ------
    RecordingError
        If the file is damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(str(path), error) from error
    return outcome_in(kind, content, str(path))


def outcome_in(kind: type[T], content: bytes, place: str) -> T:
    """Return what a file says came of an asset; see `read_outcome`."""
    try:
        return from_json(kind, json.loads(content))
    except (ValueError, DecodeError) as error:
        raise _unreadable(place, error) from error


def _unreadable(place: str, error: Exception) -> RecordingError:
    return RecordingError(f"{place} cannot be read ({error}). Remove it, and go on with --resume.")
