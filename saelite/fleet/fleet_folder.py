"""A fleet on disk.

=====================================  =====================================================================
``fleet.json``                         what was asked for, so that ``--resume`` goes on with the same
``models/asset=NAME/model.tflite``     the model file of each asset, and C sources for some targets
``outcomes/asset=NAME.json``           what became of it; written after its model, so it vouches for that
``fleet.parquet``, ``report.html``     table and report, made of the outcomes
``common/``                            weights, run folder and model file of the common model, or why there is none
``rows/``                              the parts of a table that is split by asset; removed at the end
=====================================  =====================================================================

Every file is written completely or not at all. One process writes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.common.asset_names import folder_of
from edge_runtime.common.atomic import unwritable, write_atomically
from edge_runtime.errors import RecordingError
from edge_runtime.model_file.container import parse_model_file, read_content
from edge_runtime.model_file.json_codec import to_json
from saelite.fleet.begun_work import BegunWork, read_outcome
from saelite.fleet.fit_asset import MODEL_FILE
from saelite.fleet.fleet_model import FleetModel
from saelite.fleet.outcome import FAILED, AssetOutcome, AssetResult
from training.common_model import read_common_model
from training.run_folder import read_run_folder

_NONE, _START = "none.txt", "start.npz"


@dataclass(frozen=True)
class FleetFolder:
    """Where a fleet's models and outcomes are.

    Parameters
    ----------
    path : Path
    """

    path: Path

    @property
    def models(self) -> Path:
        """Folder of the model files."""
        return self.path / "models"

    @property
    def rows(self) -> Path:
        """Folder for the parts of a table that is split."""
        return self.path / "rows"

    @property
    def table(self) -> Path:
        """The table, a row for each asset."""
        return self.path / "fleet.parquet"

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / "report.html"

    def model(self, asset: str) -> Path:
        """Return an asset's model file, whether it is there or not."""
        return self.models / folder_of(asset) / MODEL_FILE

    @property
    def begun(self) -> BegunWork:
        """What it was begun with."""
        return BegunWork(self.path, self.path / "fleet.json", "a fleet")

    @contextmanager
    def claimed(self, asked: Mapping[str, Any], *, resume: bool) -> Iterator[None]:
        """Make the folder, or take it up again; see `BegunWork.claimed`."""
        with self.begun.claimed(asked, resume=resume):
            (self.path / "outcomes").mkdir(exist_ok=True)
            self.models.mkdir(exist_ok=True)
            yield

    def write(self, result: AssetResult, key: Path | None) -> None:
        """Write an asset's files, the model signed if there is a key, and then its outcome.

        Raises
        ------
        OutputError
            If the disk is full.
        """
        asset = result.outcome.asset
        folder = self.model(asset).parent
        for name, content in sorted(result.files.items(), key=lambda one: one[0] == MODEL_FILE):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            is_signed = key is not None and name == MODEL_FILE
            write_atomically(folder / name, _signed(content, folder / name, key) if is_signed else content)
        if not result.files and folder.exists():  # of an attempt before
            shutil.rmtree(folder)
        write_atomically(self._outcome(asset), json.dumps(to_json(result.outcome)).encode() + b"\n")

    def outcomes(self) -> tuple[AssetOutcome, ...]:
        """Return the outcomes there are, sorted by asset.

        Raises
        ------
        RecordingError
            If the folder is not a fleet, or an outcome is damaged.
        """
        places = sorted((self.path / "outcomes").glob("*.json"))
        if not places and self.begun.begun_with() is None:
            raise RecordingError(f"{self.path} is not a fleet. Expected a folder written by `saelite fleet train`.")
        return tuple(sorted((read_outcome(AssetOutcome, one) for one in places), key=lambda one: one.asset))

    def finished(self) -> set[str]:
        """Return the assets that have a model file; those that failed are tried again by a resumed run."""
        return {one.asset for one in self.outcomes() if one.status != FAILED and self.model(one.asset).is_file()}

    def keep_common(self, common: FleetModel | str) -> None:
        """Keep the common model, or why there is none, for a resumed run.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        part = self.path / "common.part"
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir()
            if isinstance(common, str):
                (part / _NONE).write_text(f"{common}\n")
            else:
                common.folder.write(part)
                (part / MODEL_FILE).write_bytes(common.content)
                (part / _START).write_bytes(common.start.to_bytes())
            part.rename(self._common)
        except OSError as error:
            raise unwritable(self._common, error) from error

    def common(self) -> FleetModel | str | None:
        """Return the common model, or why there is none; None if that is not known yet."""
        if not self._common.is_dir():
            return None
        if (self._common / _NONE).is_file():
            return (self._common / _NONE).read_text().strip()
        start = read_common_model(self._common / _START)
        return FleetModel(start, read_run_folder(self._common), read_content(self._common / MODEL_FILE))

    def tidy(self) -> None:
        """Remove what only unfinished work needs."""
        shutil.rmtree(self.rows, ignore_errors=True)

    @property
    def _common(self) -> Path:
        return self.path / "common"

    def _outcome(self, asset: str) -> Path:
        return self.path / "outcomes" / f"{folder_of(asset)}.json"


def _signed(content: bytes, path: Path, key: Path | None) -> bytes:
    model = parse_model_file(content, path)
    return content if key is None else model.signed(key).to_bytes()
