"""Scores of many assets on disk.

=====================================  ======================================================================
``asset=NAME/scores.parquet``          the scores of each asset
``summary.parquet``                    a row for each asset, made of the outcomes
``_work/score.json``                   what was asked for, so that ``--resume`` goes on with the same
``_work/outcomes/asset=NAME.json``     what came of it; written after its scores, so it vouches for them
``_work/rows/``                        the parts of a table that is split by asset; removed at the end
=====================================  ======================================================================

Every file is written completely or not at all. Workers write scores, one process the rest. Readers of data lakes take
names that begin with an underscore for no data.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.common.asset_names import folder_of
from edge_runtime.common.atomic import remove_leftovers, write_atomically
from edge_runtime.errors import RecordingError
from edge_runtime.model_file.json_codec import to_json
from saelite.fleet.begun_work import BegunWork, read_outcome
from saelite.fleet.frame_file import write_frame
from saelite.fleet.score_outcome import SCORED, ScoreOutcome

if TYPE_CHECKING:
    import polars as pl

SCORES_FILE, SUMMARY = "scores.parquet", "summary.parquet"
BEGUN, OUTCOMES = "_work/score.json", "_work/outcomes"
WHAT = "a folder of scores"


@dataclass(frozen=True)
class ScoresFolder:
    """Where the scores of many assets are.

    Parameters
    ----------
    path : Path
    """

    path: Path

    @property
    def summary(self) -> Path:
        """The summary, a row for each asset."""
        return self.path / SUMMARY

    @property
    def rows(self) -> Path:
        """Folder for the parts of a table that is split."""
        return self.path / "_work" / "rows"

    def scores(self, asset: str) -> Path:
        """Return an asset's scores, whether they are there or not."""
        return self.path / folder_of(asset) / SCORES_FILE

    @property
    def begun(self) -> BegunWork:
        """What it was begun with."""
        return BegunWork(self.path, self.path / BEGUN, WHAT)

    @contextmanager
    def claimed(self, asked: Mapping[str, Any], *, resume: bool) -> Iterator[None]:
        """Make the folder, or take it up again; see `BegunWork.claimed`."""
        with self.begun.claimed(asked, resume=resume):
            self._outcomes.mkdir(exist_ok=True)
            for folder in self.path.glob("asset=*"):
                remove_leftovers(folder / SCORES_FILE)
            yield

    def write(self, outcome: ScoreOutcome) -> None:
        """Write what came of an asset.

        Raises
        ------
        OutputError
            If the disk is full.
        """
        if outcome.status != SCORED:  # of an attempt before
            with suppress(FileNotFoundError):
                self.scores(outcome.asset).unlink()
        write_atomically(self._outcome(outcome.asset), json.dumps(to_json(outcome)).encode() + b"\n")

    def write_summary(self, frame: pl.DataFrame) -> None:
        """Write the summary."""
        write_frame(frame, self.summary)

    def outcomes(self) -> tuple[ScoreOutcome, ...]:
        """Return the outcomes there are, sorted by asset.

        Raises
        ------
        RecordingError
            If the folder holds no scores, or an outcome is damaged.
        """
        if self.begun.begun_with() is None:
            raise RecordingError(f"{self.path} holds no scores. Expected a folder written by `saelite score`.")
        found = (read_outcome(ScoreOutcome, one) for one in self._outcomes.glob("*.json"))
        return tuple(sorted(found, key=lambda one: one.asset))

    def finished(self) -> set[str]:
        """Return the assets that have scores; the others are tried again by a resumed run."""
        return {one.asset for one in self.outcomes() if one.status == SCORED and self.scores(one.asset).is_file()}

    def tidy(self) -> None:
        """Remove what only unfinished work needs."""
        shutil.rmtree(self.rows, ignore_errors=True)

    @property
    def _outcomes(self) -> Path:
        return self.path / OUTCOMES

    def _outcome(self, asset: str) -> Path:
        return self._outcomes / f"{folder_of(asset)}.json"
