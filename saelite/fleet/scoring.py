"""Scores of many assets, or of one long history: what `saelite.fleet.score` and `saelite score -o FOLDER/` do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from edge_runtime.common.asset_names import KEY
from edge_runtime.common.setting import all_settings, made
from edge_runtime.errors import UsageError
from edge_runtime.inference.opening import Opening
from edge_runtime.model_file.container import read_content
from edge_runtime.streaming.monitor_settings import MonitorSettings
from edge_runtime.tables.row_range import RowRange
from saelite.fleet.assets import Asset, find_assets, has_column
from saelite.fleet.data_files import files_in, suffix_of
from saelite.fleet.executors import Executor, Lost, chunked, every_result, executor_for
from saelite.fleet.fleet_folder import FleetFolder
from saelite.fleet.fleet_scores import FleetScores
from saelite.fleet.score_asset import AssetScoring, ScoreItem, ScoreSettings
from saelite.fleet.score_outcome import FAILED, NO_MODEL, ScoreOutcome
from saelite.fleet.scores_place import ScoresPlace, scores_place
from saelite.fleet.watcher import Watcher
from saelite.signatures import takes

_PARTS = (MonitorSettings, Opening)
# Drift and stuck sensors are for machines that are watched now.
WITHOUT = ("stuck_after",)


@takes([one for part in _PARTS for one in all_settings(part, WITHOUT)])
def score(
    model: str | Path,
    data: str | Path,
    output: str | Path,
    *,
    by: str = "asset",
    rows: str = ":",
    label: str | None = None,
    explain: bool = False,
    cluster: str | None = None,
    workers: int | None = None,
    resume: bool = False,
    **settings: Any,
) -> FleetScores:
    """Score the recordings of many assets, each with its own model or all with one, into Parquet.

    Each asset is one task and never split: windows, smoothing and alarms go on across files, row groups and blocks.
    An asset that cannot be scored is reported, and never stops the others. What is done is on disk at once: after a
    crash, `resume` goes on.

    Parameters
    ----------
    model : str or Path
        A model file for every asset, or the folder of a fleet, whose models are taken by the assets' names.
    data : str or Path
        As for `saelite.fleet.train`.
    output : str or Path
        Folder of the scores, or any URL that fsspec writes to: ``asset=NAME/scores.parquet``, ``summary.parquet``.
    by : str
        Name of the column that names the asset, or of the Hive partitions' key.
    rows : str
        Rows of each recording to give results for; earlier ones fill the first window.
    label : str, optional
        Label column.
    explain : bool
        Whether to write each sensor's contribution and expected value, too.
    cluster : str, optional
        Dask's: address of a scheduler, its file (.json), or ``local:N``.
    workers : int, optional
        Processes of this machine, by default one for each core; 0 works in this process.
    resume : bool
        Go on with the scores in `output`; assets without scores are tried again.
    **settings
        Options of `saelite score`.

    Returns
    -------
    FleetScores
        Its printed form is a table of alarms.

    Raises
    ------
    RecordingError
        If there are no assets in `data`.
    ModelFileError
        If the one model file cannot be used.
    UsageError
        If a setting is invalid.
    OutputError
        If `output` holds something else, or other work.
    MissingExtraError
        If a package is not installed.
    """
    unknown = sorted(settings.keys() - {one.name for part in _PARTS for one in all_settings(part, WITHOUT)})
    if unknown:
        raise UsageError(f"unknown settings: {', '.join(unknown)}. Expected options of score.")
    watching, opening = made(MonitorSettings, settings), made(Opening, settings)
    chosen = ScoreSettings(RowRange.parse(rows), label, explain, watching, opening)
    scoring = FleetScoring(Path(model), str(data), scores_place(output), by, chosen)
    with executor_for(cluster, workers) as executor:
        return scoring.run(executor, resume=resume)


@dataclass(frozen=True)
class FleetScoring:
    """The work of scoring many assets.

    Parameters
    ----------
    model : Path
        A model file, or a fleet.
    data : str
    folder : ScoresFolder or ScoresBucket
    by : str
    settings : ScoreSettings
    watcher : Watcher
    """

    model: Path
    data: str
    folder: ScoresPlace
    by: str
    settings: ScoreSettings
    watcher: Watcher[ScoreOutcome] = field(default_factory=Watcher)

    def run(self, executor: Executor, *, resume: bool) -> FleetScores:
        """Score all assets that have no scores yet, and write the summary."""
        models = _models(self.model, self.settings.opening)
        with self.folder.claimed(self._asked(models), resume=resume):
            self.watcher.on_step("looking for assets")
            assets = self._assets()
            finished = self.folder.finished()
            todo = [one for one in assets if one.name not in finished]
            self.watcher.on_start(len(assets), len(assets) - len(todo))
            self.watcher.on_step(f"scoring in {executor.name}")
            for outcome in self._outcomes(executor, todo, models):
                self.folder.write(outcome)
                self.watcher.on_asset(outcome)
            self.folder.tidy()
            found = FleetScores(self.folder.path, self.folder.outcomes())
            self.folder.write_summary(found.frame)
            return found

    def _assets(self) -> Sequence[Asset]:
        """Return the assets; a file without the usual column is one asset, called as the file is."""
        if self.by == KEY and not files_in(self.data) and not has_column(self.data, self.by):
            name = PurePosixPath(self.data).name
            return [Asset(name.removesuffix(suffix_of(name)), (self.data,))]
        return find_assets(self.data, self.by, self.folder.rows)

    def _outcomes(self, executor: Executor, todo: Sequence[Asset], models: Models) -> Iterator[ScoreOutcome]:
        there: list[Asset] = []
        for one in todo:
            if models.place(one.name).is_file():
                there.append(one)
            else:
                yield ScoreOutcome(one.name, NO_MODEL, f"the fleet has no model of it: {models.place(one.name)}")
        items = (self._item(one, models) for one in there)
        for item, result in every_result(executor, AssetScoring(self.settings), chunked(items, 1)):
            yield ScoreOutcome(item.asset.name, FAILED, result.reason) if isinstance(result, Lost) else result

    def _item(self, asset: Asset, models: Models) -> ScoreItem:
        output = self.folder.scores(asset.name)
        place = output.absolute() if isinstance(output, Path) else output
        return ScoreItem(asset, str(models.place(asset.name)), models.content(asset.name), place)

    def _asked(self, models: Models) -> dict[str, Any]:
        settings = {name: repr(part) for name, part in vars(self.settings).items() if name != "opening"}
        return {"model": models.identity, "data": self.data, "by": self.by, "settings": settings}


@dataclass(frozen=True)
class Models:
    """Where the model of each asset is.

    Parameters
    ----------
    path : Path
    fleet : FleetFolder or None
        None if one model is for all assets.
    identity : str
        SHA-256 of the one model; the fleet's folder.
    shared : bytes
        The one model's file.
    """

    path: Path
    fleet: FleetFolder | None
    identity: str
    shared: bytes = b""

    def place(self, asset: str) -> Path:
        """Return the model file of an asset, whether it is there or not."""
        return self.path if self.fleet is None else self.fleet.model(asset)

    def content(self, asset: str) -> bytes:
        """Return the model file's content of an asset."""
        return self.shared if self.fleet is None else read_content(self.fleet.model(asset))


def _models(path: Path, opening: Opening) -> Models:
    """Return the models in a place, the one model checked before anything is begun."""
    if not path.is_dir():
        content = read_content(path)
        opening.open(path, content)
        return Models(path, None, hashlib.sha256(content).hexdigest(), content)
    fleet = FleetFolder(path)
    if not fleet.models.is_dir():
        raise UsageError(
            f"{path} is not a fleet. Expected a model file, or a folder with models/asset=NAME/model.tflite as "
            "`saelite fleet train` writes it."
        )
    return Models(path, fleet, str(path.absolute()))
