"""One process per file: a lock that the kernel releases when its holder ends, however it ends."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from edge_runtime.common.atomic import unwritable
from edge_runtime.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows, where nothing locks
    fcntl = None  # type: ignore[assignment]


class FileLock:
    """Holds a lock file beside a path.

    Parameters
    ----------
    path : Path
        The protected file.

    Raises
    ------
    OutputError
        If another process holds it, or it cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.lock")
        self._protected = path
        self._descriptor = self._acquired()

    def release(self) -> None:
        """Release the lock and remove the lock file."""
        if self._descriptor is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = None

    def _acquired(self) -> int | None:
        if fcntl is None:
            return None
        while True:
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise unwritable(self._path, error) from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
                os.close(descriptor)
                raise OutputError(
                    f"{self._protected} is in use by process {holder or 'unknown'}. Expected one process for one "
                    "file. End the other, or choose another file."
                ) from error
            if self._still_named(descriptor):
                with suppress(OSError):  # on a full disk the lock holds all the same
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor
            os.close(descriptor)

    def _still_named(self, descriptor: int) -> bool:
        """Return whether the file still has its name: its last holder may just have removed it."""
        try:
            named = self._path.stat()
        except OSError:
            return False
        return (named.st_ino, named.st_dev) == (os.fstat(descriptor).st_ino, os.fstat(descriptor).st_dev)
