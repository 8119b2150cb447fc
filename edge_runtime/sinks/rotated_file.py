"""A file of lines that is rotated, by saelite or by logrotate, and kept open until the next one is open."""

from __future__ import annotations

import io
import os
import time
from contextlib import suppress
from pathlib import Path

_RETRY_S = 60.0


class RotatedFile:
    """Appends whole lines to a file; at `max_bytes` it becomes ``name.1``, the one before ``name.2``, up to `keep`.

    If the name no longer leads to the open file, because it was moved or removed, the name is reopened; an emptied
    file continues at its start. While neither is possible, lines go to the file that is open.

    Parameters
    ----------
    path : Path
    header : bytes
        First line of each file.
    max_bytes, keep : int

    Raises
    ------
    OSError
        If the file cannot be opened.
    """

    def __init__(self, path: Path, header: bytes, max_bytes: int, keep: int) -> None:
        self._path, self._header, self._max_bytes, self._keep = path, header, max_bytes, keep
        self._file = self._open()
        self._rotate_again_s = 0.0

    def write(self, content: bytes) -> None:
        """Append lines.

        Raises
        ------
        OSError
            If they could not be written completely; none of them is in the file then, unless its name is lost.
        """
        status = self._followed()
        if status.st_size + len(content) > self._max_bytes and status.st_size and self._rotate():
            status = os.fstat(self._file.fileno())
        start, whole = status.st_size, content if status.st_size else self._header + content
        try:
            write_all(self._file, whole)
        except OSError:
            # A full disk takes only part of it; the file must hold whole lines.
            with suppress(OSError):
                self._file.truncate(start)
            raise
        if not status.st_nlink:
            raise FileNotFoundError(f"{self._path} was removed and cannot be reopened")

    def sync(self) -> None:
        """Wait until the disk has what was written.

        Raises
        ------
        OSError
            If it cannot take it.
        """
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> io.FileIO:
        # Unbuffered: what could not be written now must not follow later, in the middle of something else.
        file = io.FileIO(self._path, "a")
        if not file.tell():
            try:
                write_all(file, self._header)
            except OSError:
                with suppress(OSError):
                    file.truncate(0)
                file.close()
                raise
        return file

    def _followed(self) -> os.stat_result:
        """Reopen the name if it leads elsewhere; return the status of the open file."""
        open_one = os.fstat(self._file.fileno())
        try:
            named = self._path.stat()
            if (named.st_ino, named.st_dev) == (open_one.st_ino, open_one.st_dev):
                return open_one
        except OSError:
            pass  # Gone, or its folder is; opening it will show.
        with suppress(OSError):
            self._take(self._open())
        return os.fstat(self._file.fileno())

    def _rotate(self) -> bool:
        """Move the files up and open a new one; if that fails, continue with the current one and retry later."""
        if time.monotonic() < self._rotate_again_s:
            return False
        following = self._numbered(0)
        try:
            with suppress(FileNotFoundError):
                following.unlink()
            file = _created(following, self._header)
        except OSError:
            return self._not_now()
        try:
            self._move_up()
            following.replace(self._path)
        except OSError:
            file.close()
            with suppress(OSError):
                following.unlink()
            return self._not_now()
        self._take(file)
        return True

    def _move_up(self) -> None:
        for number in range(self._keep - 1, 0, -1):
            with suppress(FileNotFoundError):
                self._numbered(number).replace(self._numbered(number + 1))
        # Not every file system has hard links, so for a moment the file has neither name. If the next step fails,
        # the name is reopened with the next line.
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}" if number else f".{self._path.name}.next")

    def _not_now(self) -> bool:
        self._rotate_again_s = time.monotonic() + _RETRY_S
        return False

    def _take(self, file: io.FileIO) -> None:
        old, self._file = self._file, file
        old.close()


def _created(path: Path, header: bytes) -> io.FileIO:
    file = io.FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666), "a")
    try:
        write_all(file, header)
    except OSError:
        file.close()
        with suppress(OSError):
            path.unlink()
        raise
    return file


def write_all(file: io.FileIO, content: bytes) -> None:
    """Write all of it, in as many calls as that takes."""
    rest = memoryview(content)
    while rest:
        written = file.write(rest)
        if written is None:
            raise BlockingIOError("it accepts no more at the moment")
        rest = rest[written:]
