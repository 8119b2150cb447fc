"""Files that are written completely or not at all."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from edge_runtime.errors import OutputError


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path` that replaces it when the block succeeds.

    Raises
    ------
    OutputError
        If the folder does not exist or cannot be written; nothing is left behind then.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    _sync_folder(path.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`, or leave the old content (see `atomic_file`)."""
    with atomic_file(path) as file:
        file.write(content)


def write_new(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a file that is not there yet, in full or not at all: a disk that is full leaves nothing in the way.

    Raises
    ------
    FileExistsError
        If there is a file of this name already, which stays as it is.
    OutputError
        If the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename this never takes the place of another file.
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes left half written beside a file."""
    for rest in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError):
            rest.unlink()


def unwritable(path: Path, error: OSError) -> OutputError:
    """Return the error for a path that cannot be written."""
    if isinstance(error, FileNotFoundError) and not path.parent.is_dir():
        return OutputError(f"cannot write {path}: the folder {path.parent} does not exist. Create it first.")
    reason = error.strerror or str(error)
    return OutputError(f"cannot write {path}: {reason}. Choose another place, or fix its permissions.")


def _sync_folder(folder: Path) -> None:
    # Without this, a power cut can undo the rename although the data is on the disk.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
