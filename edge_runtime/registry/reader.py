"""Files of a registry, from a folder or over http(s): never more of them than expected, never for longer."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from edge_runtime.errors import RegistryError, UsageError


@dataclass(frozen=True)
class WantedFile:
    """A file of a registry, and what it may cost.

    Parameters
    ----------
    name : str
        Within the registry.
    most_bytes : int
        A longer file is refused before it is read.
    within_s : float
        Time for all of it.
    tag : str
        Of the version that is known already; empty to have any.
    """

    name: str
    most_bytes: int
    within_s: float
    tag: str = ""


@dataclass(frozen=True)
class Fetched:
    """A file's content, and a tag that changes with it; empty if the server gives none."""

    content: bytes
    tag: str = ""


class Reader(Protocol):
    """Reads the files of a registry.

    Attributes
    ----------
    place : str
        Of the registry, for messages: without what may be secret.
    """

    place: str

    def fetch(self, wanted: WantedFile) -> Fetched | None:
        """Return a file; None if it has not changed.

        Raises
        ------
        RegistryError
            If it is not there, too large, too slow, or cannot be had.
        """


def open_reader(address: str) -> Reader:
    """Return what reads the registry at an address: a folder, or a URL with file:, http: or https:.

    Raises
    ------
    UsageError
        If it is none of these.
    """
    # A drive's letter on Windows is no scheme.
    scheme = urlsplit(address).scheme if "://" in address else ""
    if scheme in ("http", "https"):
        from edge_runtime.registry.http_reader import HttpReader

        return HttpReader(address)
    if scheme == "file":
        return FolderReader(Path(unquote(urlsplit(address).path)))
    if scheme or not address:
        raise UsageError(
            f"registry: expected a folder, or a URL with file, http or https: a bucket is read by its http address. "
            f"Received: {scheme or 'nothing'}."
        )
    return FolderReader(Path(address))


class FolderReader:
    """Reads a registry that is a folder, on this machine or a mounted one.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self.place = folder, str(folder)

    def fetch(self, wanted: WantedFile) -> Fetched | None:
        """See `Reader.fetch`."""
        path = self._folder / wanted.name
        try:
            # A FIFO in the place of a file would otherwise keep us for ever.
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise RegistryError(f"{path}: expected a file. Received: something else of that name.")
                tag = f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"
                if tag == wanted.tag:
                    return None
                content = file.read(wanted.most_bytes + 1)
        except OSError as error:
            raise RegistryError(f"cannot read {path}: {error.strerror}.") from error
        if len(content) > wanted.most_bytes:
            raise too_long(str(path), wanted)
        return Fetched(content, tag)


def too_long(what: str, wanted: WantedFile) -> RegistryError:
    """Return the error of a file that is longer than expected."""
    return RegistryError(f"{what} is too long: expected at most {wanted.most_bytes:,} bytes. It is not read.")
