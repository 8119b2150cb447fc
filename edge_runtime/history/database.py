"""The file of a history: made, recognised, migrated, and set aside when it is damaged."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from edge_runtime.common.atomic import unwritable
from edge_runtime.errors import HistoryError, OutputError
from edge_runtime.history.keep import Keep
from edge_runtime.history.schema import APPLICATION_ID, PAGE_BYTES, VERSION, create, migrate

_HEADER_BYTES = 100
_MAGIC = b"SQLite format 3\0"
_BUSY_S = 5.0
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
_PASSING_WORDS = ("full", "I/O", "locked")
_LOG_SHARE, _LARGEST_LOG = 0.2, 8_000_000


def log_bytes(keep: Keep) -> int:
    """Return how large the write-ahead log may grow before it is written back."""
    return int(min(_LOG_SHARE * keep.max_bytes, _LARGEST_LOG))


def prepare(path: Path) -> None:
    """Make a history where there is none, and migrate an older one.

    Raises
    ------
    HistoryError
        If the file is something else, or a newer history; it is not touched then.
    OutputError
        If it cannot be written.
    sqlite3.DatabaseError
        If it is damaged.
    """
    version = version_of(path)
    if version is None:
        _make(path)
    elif version < VERSION:
        with closing(connect(path)) as connection:
            migrate(connection, version)


def version_of(path: Path) -> int | None:
    """Return the schema version of a history; None if there is no file yet, or an empty one.

    Raises
    ------
    HistoryError
        If it is not a history, or a newer one.
    sqlite3.DatabaseError
        If it is damaged: zeros where the header was.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HistoryError(f"cannot read the history {path}: {error.strerror}. Check its permissions.") from error
    if not header:
        return None
    if not header.strip(b"\0"):
        raise sqlite3.DatabaseError("file holds zeros")
    application, version = int.from_bytes(header[68:72], "big"), int.from_bytes(header[60:64], "big")
    if not header.startswith(_MAGIC) or application != APPLICATION_ID:
        raise HistoryError(f"{path} is not a history of saelite. Nothing in it was touched. Choose another file.")
    if not 0 < version <= VERSION:
        raise HistoryError(
            f"{path} has schema version {version}, this saelite reads up to version {VERSION}. Nothing in it was "
            "touched. Install the saelite that wrote it, or choose another file."
        )
    return version


def connect(path: Path | None, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection that any thread may use, one at a time; None is a database in memory."""
    place = ":memory:" if path is None else f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
    # Transactions begin and end where this package says so.
    return sqlite3.connect(place, _BUSY_S, isolation_level=None, check_same_thread=False, uri=True)


def open_writer(path: Path | None, keep: Keep) -> sqlite3.Connection:
    """Open the connection that writes: every commit reaches the disk, and the file never exceeds its bound."""
    connection = connect(path)
    try:
        if path is None:
            create(connection)
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        log = log_bytes(keep)
        connection.execute(f"PRAGMA wal_autocheckpoint = {log // 4 // PAGE_BYTES}").fetchone()
        connection.execute(f"PRAGMA journal_size_limit = {log // 4}").fetchone()
        # Reads the schema: a damaged one is noticed now.
        connection.execute("SELECT id FROM lived").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def is_passing(error: BaseException) -> bool:
    """Return whether an error goes away by itself, as when there is room again."""
    cause = error.__cause__ or error
    if isinstance(cause, OSError) and cause.errno in _PASSING:
        return True
    return isinstance(cause, sqlite3.OperationalError) and any(word in str(cause) for word in _PASSING_WORDS)


def set_aside(path: Path) -> Path:
    """Move a damaged history out of the way, over one set aside before; return its new path.

    Raises
    ------
    OutputError
        If that fails.
    """
    aside = path.with_name(f"{path.name}.damaged")
    try:
        path.replace(aside)
    except OSError as error:
        raise unwritable(path, error) from error
    for end in ("-wal", "-shm"):
        with suppress(OSError):
            # What was in the log belongs to the damaged file; a new one must never read it.
            path.with_name(path.name + end).replace(aside.with_name(aside.name + end))
    return aside


def _make(path: Path) -> None:
    # Made beside it and renamed: a history is there completely or not at all.
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        fresh.touch()
        with closing(connect(fresh)) as connection:
            create(connection)
        for end in ("-wal", "-shm"):
            # A log without its database would be taken for the new one's.
            path.with_name(path.name + end).unlink(missing_ok=True)
        fresh.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    except sqlite3.OperationalError as error:
        raise OutputError(f"cannot write {path}: {error}. Choose another place, or make room.") from error
    finally:
        for end in ("", "-wal", "-shm"):
            with suppress(OSError):
                fresh.with_name(fresh.name + end).unlink()
