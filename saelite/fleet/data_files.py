"""Files here and elsewhere: plain paths, and URLs that fsspec opens (s3://, gs://, az://, http://)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import RecordingError, missing_extra
from training.recordings.read_recording import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_PACKED = ".gz"


def is_url(place: str) -> bool:
    """Return whether a place is a URL.

    >>> is_url("s3://plant/pumps"), is_url("C:/plant/pumps")
    (True, False)
    """
    return _URL.match(place) is not None


def files_in(folder: str) -> list[str]:
    """Return all recordings in a folder and in those within it, relative to it, sorted; hidden ones left out.

    Empty if `folder` is a file.

    Raises
    ------
    RecordingError
        If there is nothing, or it cannot be read.
    MissingExtraError
        If fsspec, or the package it needs for this kind of URL, is not installed.
    """
    if is_url(folder):
        return _kept(_found_at(folder))
    path = Path(folder)
    if not path.exists():
        raise RecordingError(f"no such file or folder: {folder}. Expected recordings: a file, a folder, or a URL.")
    return _kept(one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file())


def fetch(url: str, path: Path) -> None:
    """Copy a file from a URL.

    Raises
    ------
    RecordingError
        If it cannot be read.
    """
    files, place = _opened(url)
    try:
        files.get_file(place, str(path))
    except Exception as error:
        raise _unreadable(url, error) from error


def suffix_of(file: str) -> str:
    """Return a recording's ending, of a packed one both.

    >>> suffix_of("a/pump.2.csv.gz"), suffix_of("pump.parquet")
    ('.csv.gz', '.parquet')
    """
    path = Path(file)
    return f"{Path(path.stem).suffix}{path.suffix}" if path.suffix.lower() == _PACKED else path.suffix


def _kept(files: Iterable[str]) -> list[str]:
    return sorted(
        one for one in files if Path(one).suffix.lower() in SUFFIXES and not re.search(r"(^|/)[._]", one)
    )  # fmt: skip


def _found_at(url: str) -> list[str]:
    files, place = _opened(url)
    try:
        if files.isfile(place):
            return []
        found = files.find(place)
    except Exception as error:
        raise _unreadable(url, error) from error
    if not found:
        raise RecordingError(f"nothing at {url}. Expected recordings: a file, or a folder of files.")
    start = len(place.rstrip("/")) + 1
    return [one[start:] for one in found]


def _opened(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the place in it."""
    try:
        import fsspec
    except ImportError as error:
        raise missing_extra("fsspec", "fleet", f"reading {url}") from error
    try:
        files, place = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise RecordingError(f"cannot read {url}: {error}. Install that package on every machine.") from error
    except ValueError as error:
        raise RecordingError(f"cannot read {url}: {error}. Expected a URL such as s3://bucket/folder.") from error
    return files, place


def _unreadable(url: str, error: Exception) -> RecordingError:
    said = str(error) or type(error).__name__
    return RecordingError(f"cannot read {url}: {said}. Check the address, and the credentials of this machine.")
