"""Files in a bucket, or wherever else fsspec writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edge_runtime.errors import MissingExtraError, OutputError, SaeliteError, UsageError, missing_extra


class BucketStore:
    """Files at a URL such as ``s3://bucket/fleet``: a registry, or scores.

    `create` asks the store itself for exclusiveness (on S3 ``If-None-Match: *``), and `write` relies on it to show a
    file in full or not at all, as object stores do.

    Parameters
    ----------
    address : str
        Any URL that fsspec can write to. Credentials come from the environment, as the package for that store says.
    """

    def __init__(self, address: str) -> None:
        self.place = address.rstrip("/")
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise missing_extra("fsspec", "fleet", "writing to a URL") from error
        try:
            found: Any = url_to_fs(self.place, use_listings_cache=False, skip_instance_cache=True)
        except ImportError as error:
            raise MissingExtraError(f"{self.place} cannot be written without another package: {error}") from error
        except ValueError as error:
            raise UsageError(
                f"expected a folder, or a URL that fsspec knows. Received: {address!r:.80} ({error})"
            ) from error
        self._files, self._root = found

    def read(self, name: str) -> bytes | None:
        """See `Store.read`."""
        with self._told("read", name):
            try:
                return bytes(self._files.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def names(self, folder: str) -> set[str]:
        """See `Store.names`."""
        with self._told("list", folder):
            try:
                found = self._files.ls(self._path(folder), detail=False, refresh=True)
            except FileNotFoundError:
                return set()
        return {f"{folder}/{path.rpartition('/')[2]}" for path in found}

    def all_names(self) -> set[str]:
        """Return the names of all files there are, in whatever folder."""
        with self._told("list", ""):
            try:
                found = self._files.find(self._root)
            except FileNotFoundError:
                return set()
        start = len(self._root.rstrip("/")) + 1
        return {path[start:] for path in found if path[start:]}

    def read_many(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return files by name, several at a time where the store can."""
        with self._told("read", ", ".join(names)):
            found = self._files.cat([self._path(name) for name in names]) if names else {}
            return {name: bytes(found[self._path(name)]) for name in names}

    def send(self, name: str, path: Path) -> None:
        """Write a file of this machine, piece by piece if it is large; it is there once all of it is."""
        with self._told("write", name):
            self._make_folders([name])
            self._files.put_file(str(path), self._path(name))

    def write(self, files: Mapping[str, bytes]) -> None:
        """See `Store.write`; several at a time where the store can."""
        with self._told("write", ", ".join(files)):
            self._make_folders(files)
            self._files.pipe({self._path(name): content for name, content in files.items()})

    def create(self, name: str, content: bytes) -> bool:
        """See `Store.create`."""
        with self._told("write", name):
            self._make_folders([name])
            try:
                self._files.pipe_file(self._path(name), content, mode="create")
            except FileExistsError:
                return False
        return True

    def remove(self, names: Sequence[str]) -> None:
        """See `Store.remove`; several at a time where the store can."""
        with self._told("remove", ", ".join(names)):
            if names:
                with suppress(FileNotFoundError):
                    self._files.rm([self._path(name) for name in names])

    def _make_folders(self, names: Mapping[str, bytes] | list[str]) -> None:
        # Object stores have no folders; and what is not there may be a bucket whose name is mistyped.
        if self._files.exists(self._root):
            for folder in {self._path(name).rpartition("/")[0] for name in names}:
                self._files.makedirs(folder, exist_ok=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _told(self, verb: str, name: str) -> Iterator[None]:
        try:
            yield
        except SaeliteError:
            raise
        except Exception as error:  # each store has errors of its own
            reason = str(error) or type(error).__name__
            raise OutputError(
                f"cannot {verb} {self.place}/{name:.100}: {reason:.300}. Check address, rights and credentials."
            ) from error
