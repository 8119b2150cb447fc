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
from typing import Any

from edge_runtime.common.asset_names import folder_of
from edge_runtime.common.atomic import remove_leftovers, unwritable, write_atomically
from edge_runtime.common.lock import FileLock
from edge_runtime.errors import OutputError, RecordingError
from edge_runtime.model_file.json_codec import DecodeError, from_json, to_json
from saelite.fleet.score_outcome import SCORED, ScoreOutcome

SCHEMA = 1
SCORES_FILE = "scores.parquet"


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
        return self.path / "summary.parquet"

    @property
    def rows(self) -> Path:
        """Folder for the parts of a table that is split."""
        return self._work / "rows"

    def scores(self, asset: str) -> Path:
        """Return an asset's scores, whether they are there or not."""
        return self.path / folder_of(asset) / SCORES_FILE

    @contextmanager
    def claimed(self, asked: Mapping[str, Any], *, resume: bool) -> Iterator[None]:
        """Make the folder, or take it up again, and keep other processes out while the block runs.

        Parameters
        ----------
        asked : mapping
            What identifies the work, in JSON's types.
        resume : bool
            Whether work that is there already is wanted.

        Raises
        ------
        OutputError
            If there is work and `resume` is False, or it was begun with other options, or the folder is in use.
        """
        try:
            begun = self._begun()
            if begun is None and self.path.exists() and any(self.path.iterdir()):
                raise OutputError(f"{self.path} exists and holds no scores. Choose another folder with -o.")
            self._outcomes.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from error
        lock = FileLock(self._work / "score.json")
        try:
            self._check(begun, asked, resume=resume)
            write_atomically(self._work / "score.json", json.dumps({"schema": SCHEMA, **asked}).encode() + b"\n")
            for folder in self.path.glob("asset=*"):
                remove_leftovers(folder / SCORES_FILE)
            yield
        finally:
            lock.release()

    def _check(self, begun: Mapping[str, Any] | None, asked: Mapping[str, Any], *, resume: bool) -> None:
        if begun is None:
            return
        if not resume:
            raise OutputError(
                f"{self.path} already holds scores. Go on with them (--resume), or choose another folder with -o."
            )
        changed = sorted(name for name in {*begun, *asked} - {"schema"} if begun.get(name) != asked.get(name))
        if changed or begun.get("schema") != SCHEMA:
            raise OutputError(
                f"{self.path} was begun with other options ({', '.join(changed) or 'of another saelite'}). Repeat the "
                "command with the options it was begun with, or choose another folder with -o."
            )

    def _begun(self) -> dict[str, Any] | None:
        try:
            content = json.loads((self._work / "score.json").read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError as error:
            raise OutputError(f"{self._work}/score.json cannot be read ({error}). Choose another folder.") from error
        return content if isinstance(content, dict) else {}

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

    def outcomes(self) -> tuple[ScoreOutcome, ...]:
        """Return the outcomes there are, sorted by asset.

        Raises
        ------
        RecordingError
            If the folder holds no scores, or an outcome is damaged.
        """
        if self._begun() is None:
            raise RecordingError(f"{self.path} holds no scores. Expected a folder written by `saelite score`.")
        return tuple(sorted(map(_read, self._outcomes.glob("*.json")), key=lambda one: one.asset))

    def finished(self) -> set[str]:
        """Return the assets that have scores; the others are tried again by a resumed run."""
        return {one.asset for one in self.outcomes() if one.status == SCORED and self.scores(one.asset).is_file()}

    def tidy(self) -> None:
        """Remove what only unfinished work needs."""
        shutil.rmtree(self.rows, ignore_errors=True)

    @property
    def _work(self) -> Path:
        return self.path / "_work"

    @property
    def _outcomes(self) -> Path:
        return self._work / "outcomes"

    def _outcome(self, asset: str) -> Path:
        return self._outcomes / f"{folder_of(asset)}.json"


def _read(path: Path) -> ScoreOutcome:
    try:
        return from_json(ScoreOutcome, json.loads(path.read_text()))
    except (OSError, ValueError, DecodeError) as error:
        raise RecordingError(
            f"{path} cannot be read ({error}). Remove it, and score that asset again with --resume."
        ) from error
