"""The assets in a place: references to their data, which whoever works on one reads by itself."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from edge_runtime.common.asset_names import KEY, asset_of, folder_of
from edge_runtime.errors import RecordingError
from edge_runtime.tables.open_table import open_table
from saelite.fleet.data_files import fetch, files_in, is_url, suffix_of
from saelite.fleet.splitting import Splitting

if TYPE_CHECKING:
    from training.recordings import Recording
    from training.settings import Selection


@dataclass(frozen=True)
class Asset:
    """One machine of a fleet, and where its data are.

    Parameters
    ----------
    name : str
    files : tuple of str
        Its recordings in order: paths, or URLs that fsspec opens.
    """

    name: str
    files: tuple[str, ...]

    @contextmanager
    def local(self) -> Iterator[Path]:
        """Give a path on this machine: the file itself, or a folder of all of them that is removed again.

        Raises
        ------
        RecordingError
            If a file cannot be fetched.
        """
        if len(self.files) == 1 and not is_url(self.files[0]):
            yield Path(self.files[0])
            return
        with tempfile.TemporaryDirectory(prefix="saelite-") as folder:
            for number, file in enumerate(self.files):
                path = Path(folder) / f"{number:06d}{suffix_of(file)}"
                if is_url(file):
                    fetch(file, path)
                else:
                    path.symlink_to(Path(file).absolute())
            yield Path(folder)

    def read(self, selection: Selection) -> Recording:
        """Return a part of its recording.

        Raises
        ------
        RecordingError
            If it cannot be read.
        """
        with self.local() as path:
            return replace(selection.read(path), name=self.name)


def find_assets(data: str, by: str, rows: Path) -> tuple[Asset, ...]:
    """Return the assets in a place, sorted by name.

    ============================================  =========================================================
    a folder with folders ``BY=NAME`` in it       Hive partitions: an asset each, with all files within
    a folder with other folders in it             an asset each, with all files within
    a folder of files with a column `by`          taken for one table, which is split by that column
    a folder of other files                       an asset each, called as the file is without its ending
    a file with a column `by`                     a table, which is split by that column
    ============================================  =========================================================

    Parameters
    ----------
    data : str
        A path, or a URL that fsspec opens.
    by : str
        Name of the column, or of the partitions' key.
    rows : Path
        Folder for the parts of a table that is split; a split that was finished is used again.

    Raises
    ------
    RecordingError
        If there are none, two have the same name, or a file has no such column.
    UsageError
        If a name cannot be a folder's.
    """
    files = files_in(data)
    if not files:
        return _split(data, [data], by, rows)
    base = data.rstrip("/")
    tops = {one.partition("/")[0] for one in files if "/" in one}
    if any(asset_of(top, by) is not None for top in tops):
        return _grouped(base, [one for one in files if asset_of(one.partition("/")[0], by) is not None], by)
    if tops:
        loose = [one for one in files if "/" not in one]
        if loose:
            raise RecordingError(
                f"{data} has both files ({loose[0]} …) and folders ({min(tops)} …). Expected one or the other: "
                "a file, or a folder, for each asset."
            )
        return _grouped(base, files, None)
    places = [f"{base}/{one}" for one in files]
    if has_column(places[0], by):
        return _split(data, places, by, rows)
    return _checked(Asset(PurePosixPath(one).name.removesuffix(suffix_of(one)), (f"{base}/{one}",)) for one in files)


def _grouped(base: str, files: list[str], key: str | None) -> tuple[Asset, ...]:
    """Return an asset for each of the top folders."""
    groups: dict[str, list[str]] = {}
    for file in files:
        top = file.partition("/")[0]
        name = top if key is None else asset_of(top, key)
        groups.setdefault(name or top, []).append(f"{base}/{file}")
    return _checked(Asset(name, tuple(group)) for name, group in groups.items())


def _checked(found: Iterator[Asset]) -> tuple[Asset, ...]:
    assets = sorted(found, key=lambda one: one.name)
    twice = [name for name, count in Counter(one.name for one in assets).items() if count > 1]
    if twice:
        of_both = [one.files[0] for one in assets if one.name == twice[0]]
        raise RecordingError(
            f"two assets have the name {twice[0]}: {', '.join(of_both[:2])}. Expected different names. Rename one."
        )
    for one in assets:
        folder_of(one.name)
    return tuple(assets)


def has_column(place: str, by: str) -> bool:
    """Return whether a file has a column.

    Raises
    ------
    RecordingError
        If it cannot be read.
    """
    with Asset("", (place,)).local() as path:
        file = next(path.iterdir()) if path.is_dir() else path
        with open_table(file) as table:
            return by in table.header.names


def _split(data: str, places: list[str], by: str, rows: Path) -> tuple[Asset, ...]:
    splitting = Splitting(rows, by, data)
    if not splitting.is_finished:
        with Asset("", tuple(places)).local() as path:
            splitting.split([path] if path.is_file() else sorted(path.iterdir()))
    return _grouped(str(rows), files_in(str(rows)), KEY)
