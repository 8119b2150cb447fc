"""Where scores of many assets are: a folder, or a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from saelite.fleet.data_files import is_url
from saelite.fleet.scores_bucket import ScoresBucket
from saelite.fleet.scores_folder import ScoresFolder

ScoresPlace: TypeAlias = ScoresFolder | ScoresBucket


def scores_place(place: str | Path) -> ScoresPlace:
    """Return the scores in a place: a folder, or a URL that fsspec writes to.

    Raises
    ------
    MissingExtraError
        If a package for this kind of URL is not installed.
    UsageError
        If nothing can be written there.
    """
    path = str(place).removeprefix("file://")
    return ScoresBucket(path) if is_url(path) else ScoresFolder(Path(path))
