"""Scores of many assets in a bucket: what `saelite.fleet.scores_folder` is on a disk, under the same names."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.common.asset_names import folder_of
from edge_runtime.errors import OutputError, RecordingError
from edge_runtime.model_file.json_codec import to_json
from saelite.fleet.begun_work import begun_in, check_begun, outcome_in, record_of
from saelite.fleet.frame_file import frame_bytes
from saelite.fleet.score_outcome import SCORED, ScoreOutcome
from saelite.fleet.scores_folder import BEGUN, OUTCOMES, SCORES_FILE, SUMMARY, WHAT
from saelite.publishing.bucket_store import BucketStore

if TYPE_CHECKING:
    import polars as pl


class ScoresBucket:
    """Where the scores of many assets are: a URL that fsspec writes to.

    Objects are written in full or not at all, as object stores do, and an outcome after its scores. Nothing keeps a
    second process out, as a lock does on a disk: two do the same work twice, and leave the same.

    Parameters
    ----------
    url : str
    """

    def __init__(self, url: str) -> None:
        self._store = BucketStore(url)
        self._outcomes: dict[str, ScoreOutcome] = {}
        self._rows: Path | None = None
        self._there: set[str] | None = None

    @property
    def path(self) -> str:
        """The URL."""
        return self._store.place

    @property
    def summary(self) -> str:
        """The summary, a row for each asset."""
        return f"{self.path}/{SUMMARY}"

    @property
    def rows(self) -> Path:
        """Folder on this machine for the parts of a table that is split, while the work is claimed."""
        if self._rows is None:
            raise OutputError(f"{self.path} is not being written to.")
        return self._rows

    def scores(self, asset: str) -> str:
        """Return the URL of an asset's scores, whether they are there or not."""
        return f"{self.path}/{_scores(asset)}"

    @contextmanager
    def claimed(self, asked: Mapping[str, Any], *, resume: bool) -> Iterator[None]:
        """Begin the work, or take it up again while the block runs.

        Raises
        ------
        OutputError
            If there is work and `resume` is False, it was begun with other options, or something else is there.
        """
        begun = self._begun_with()
        if begun is None and self._names():
            raise OutputError(f"{self.path} exists and is not {WHAT}. Choose another place with -o.")
        check_begun(begun, asked, self.path, WHAT, resume=resume)
        self._store.write({BEGUN: record_of(asked)})
        self._read_outcomes()
        with tempfile.TemporaryDirectory(prefix="saelite-") as folder:
            self._rows = Path(folder) / "rows"
            yield
            self._rows = None

    def write(self, outcome: ScoreOutcome) -> None:
        """Write what came of an asset.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        if outcome.status != SCORED and _scores(outcome.asset) in self._names():  # of an attempt before
            self._store.remove([_scores(outcome.asset)])
        self._store.write({_outcome(outcome.asset): json.dumps(to_json(outcome)).encode() + b"\n"})
        self._outcomes[outcome.asset] = outcome

    def write_summary(self, frame: pl.DataFrame) -> None:
        """Write the summary."""
        self._store.write({SUMMARY: frame_bytes(frame)})

    def outcomes(self) -> tuple[ScoreOutcome, ...]:
        """Return the outcomes there are, sorted by asset.

        Raises
        ------
        RecordingError
            If there are no scores, or an outcome is damaged.
        """
        if self._begun_with() is None:
            raise RecordingError(f"{self.path} holds no scores. Expected a place written by `saelite score`.")
        if not self._outcomes:
            self._read_outcomes()
        return tuple(sorted(self._outcomes.values(), key=lambda one: one.asset))

    def finished(self) -> set[str]:
        """Return the assets that have scores; the others are tried again by a resumed run."""
        there = self._names()
        return {one.asset for one in self.outcomes() if one.status == SCORED and _scores(one.asset) in there}

    def tidy(self) -> None:
        """Nothing is left in a bucket that only unfinished work needs."""

    def _begun_with(self) -> dict[str, Any] | None:
        content = self._store.read(BEGUN)
        return None if content is None else begun_in(content, f"{self.path}/{BEGUN}")

    def _read_outcomes(self) -> None:
        names = sorted(name for name in self._names() if name.startswith(f"{OUTCOMES}/"))
        found = self._store.read_many(names)
        read = (outcome_in(ScoreOutcome, content, f"{self.path}/{name}") for name, content in found.items())
        self._outcomes = {one.asset: one for one in read}

    def _names(self) -> set[str]:
        """Return the names of all that was there at first."""
        if self._there is None:
            self._there = self._store.all_names()
        return self._there


def _scores(asset: str) -> str:
    return f"{folder_of(asset)}/{SCORES_FILE}"


def _outcome(asset: str) -> str:
    return f"{OUTCOMES}/{folder_of(asset)}.json"
