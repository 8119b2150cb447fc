"""A file that is written here or to a URL, in full or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saelite.fleet.data_files import is_url


@contextmanager
def written_to(place: str | Path) -> Iterator[Path]:
    """Give the path to write a file to, its folder made; for a URL one of this machine, which is sent if all is well.

    Parameters
    ----------
    place : str or Path
        A path, which the block has to replace atomically, or a URL that fsspec writes to.

    Raises
    ------
    OutputError
        If it cannot be sent.
    """
    place = str(place).removeprefix("file://")
    if not is_url(place):
        path = Path(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path
        return
    from saelite.publishing.bucket_store import BucketStore

    folder, _, name = place.rpartition("/")
    with tempfile.TemporaryDirectory(prefix="saelite-") as temporary:
        path = Path(temporary) / name
        yield path
        BucketStore(folder).send(name, path)
