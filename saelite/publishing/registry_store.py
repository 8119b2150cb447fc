"""Where a registry is written: a folder, or a bucket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from edge_runtime.common.atomic import unwritable, write_atomically, write_new
from edge_runtime.errors import OutputError


class Store(Protocol):
    """Files by name, ``/`` between the names of folders. Each is written in full or not at all.

    Attributes
    ----------
    place : str
        For messages.
    """

    place: str

    def read(self, name: str) -> bytes | None:
        """Return a file; None if there is none."""

    def names(self, folder: str) -> set[str]:
        """Return the names of all files in a folder, with the folder's before them."""

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files, in no particular order, over those of the same names."""

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one of this name; return whether it was written.

        Of several who try at the same time, one succeeds.
        """

    def remove(self, names: Sequence[str]) -> None:
        """Remove files; one that is not there is no error."""


def open_store(address: str) -> Store:
    """Return the store at an address: a folder, or any URL that fsspec knows.

    Raises
    ------
    MissingExtraError
        If a package for this kind of URL is not installed.
    UsageError
        If nothing can be written there.
    """
    if "://" in address and not address.startswith("file://"):
        from saelite.publishing.bucket_store import BucketStore

        return BucketStore(address)
    return FolderStore(Path(address.removeprefix("file://")))


class FolderStore:
    """A registry in a folder, which is made if need be.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self.place = folder, str(folder)

    def read(self, name: str) -> bytes | None:
        """See `Store.read`."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"cannot read {self._folder / name}: {error.strerror}.") from error

    def names(self, folder: str) -> set[str]:
        """See `Store.names`."""
        return {path.relative_to(self._folder).as_posix() for path in (self._folder / folder).glob("*")}

    def write(self, files: Mapping[str, bytes]) -> None:
        """See `Store.write`."""
        for name, content in files.items():
            write_atomically(self._made(name), content)

    def create(self, name: str, content: bytes) -> bool:
        """See `Store.create`."""
        try:
            write_new(self._made(name), content)
        except FileExistsError:
            return False
        return True

    def remove(self, names: Sequence[str]) -> None:
        """See `Store.remove`."""
        for name in names:
            try:
                (self._folder / name).unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(f"cannot remove {self._folder / name}: {error.strerror}.") from error

    def _made(self, name: str) -> Path:
        path = self._folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error
        return path
