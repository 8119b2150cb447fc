"""A model for each asset of a fleet: what `saelite.fleet.train` and the command of that name do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_runtime.common.setting import made, settings_of
from edge_runtime.errors import UsageError
from saelite.export_options import ExportOptions
from saelite.fleet.assets import Asset, find_assets
from saelite.fleet.executors import Executor, Lost, chunked, every_result, executor_for
from saelite.fleet.fit_assets import FleetFit
from saelite.fleet.fleet import Fleet
from saelite.fleet.fleet_folder import FleetFolder
from saelite.fleet.fleet_model import FleetModel, FleetModelFit, sample_of
from saelite.fleet.fleet_settings import FleetSettings
from saelite.fleet.frame_file import write_frame
from saelite.fleet.outcome import FAILED, AssetOutcome, AssetResult
from saelite.fleet.watcher import Watcher
from saelite.signatures import takes
from saelite.workstation import check_workstation
from training.settings import DetectorSettings, Selection

# Assets that a worker gets at once: their fits share a graph, and a worker that is killed costs as many.
_MOST_AT_ONCE = 16
_PARTS = (Selection, DetectorSettings, ExportOptions)


@takes([one for part in _PARTS for one in settings_of(part)])
def train(
    data: str | Path,
    output: str | Path,
    *,
    by: str = "asset",
    cluster: str | None = None,
    workers: int | None = None,
    resume: bool = False,
    common_model: bool = True,
    warm_start: bool | None = None,
    sign: str | Path | None = None,
    **settings: Any,
) -> Fleet:
    """Train, export and check a model for each asset.

    An asset that cannot be modelled as asked falls back, step by step, or is reported: it never stops the others. What
    is done is on disk at once: after a crash, `resume` goes on.

    Parameters
    ----------
    data : str or Path
        A folder of files, or of folders, one for each asset; a folder of Hive partitions; a CSV or Parquet file with a
        column that names the asset; or a URL of any of these, such as ``s3://plant/pumps``.
    output : str or Path
        Folder of the fleet: ``models/asset=NAME/model.tflite``, ``fleet.parquet``, ``report.html``.
    by : str
        Name of that column, or of the partitions' key.
    cluster : str, optional
        Dask's: address of a scheduler, its file (.json), or ``local:N``.
    workers : int, optional
        Processes of this machine, by default one for each core; 0 works in this process.
    resume : bool
        Go on with the fleet in `output`; assets that failed are tried again.
    common_model : bool
        Whether to fit the fleet's common model first.
    warm_start : bool, optional
        Whether each asset's network continues from the common model: a fraction of the fit, but on real data more
        false alarms where the score depends on the network. By default where it does not.
    sign : str or Path, optional
        Private key to sign each file with; it stays on this machine.
    **settings
        Options of `saelite train` and `saelite export`.

    Returns
    -------
    Fleet
        Its printed form is a table.

    Raises
    ------
    RecordingError
        If there are no assets in `data`.
    UsageError
        If a setting is invalid, or a warm start is asked for without a common model.
    OutputError
        If `output` holds something else, or other work.
    MissingExtraError
        If a package is not installed.
    """
    check_workstation("fleet train")
    unknown = sorted(settings.keys() - {one.name for part in _PARTS for one in settings_of(part)})
    if unknown:
        raise UsageError(f"unknown settings: {', '.join(unknown)}. Expected options of train and export.")
    chosen = FleetSettings(made(Selection, settings), made(DetectorSettings, settings), made(ExportOptions, settings))
    training = FleetTraining(str(data), FleetFolder(Path(output)), by, chosen, Path(sign) if sign else None)
    with executor_for(cluster, workers) as executor:
        return training.run(executor, resume=resume, common_model=common_model, warm_start=warm_start)


@dataclass(frozen=True)
class FleetTraining:
    """The work of training a fleet.

    Parameters
    ----------
    data : str
    folder : FleetFolder
    by : str
    settings : FleetSettings
    key : Path or None
        Private key to sign with.
    watcher : Watcher
    """

    data: str
    folder: FleetFolder
    by: str
    settings: FleetSettings
    key: Path | None = None
    watcher: Watcher[AssetOutcome] = field(default_factory=Watcher)

    def run(self, executor: Executor, *, resume: bool, common_model: bool, warm_start: bool | None) -> Fleet:
        """Train all assets that have no model yet, and write table and report.

        Raises
        ------
        UsageError
            If the target has no such scheme, or a warm start is asked for without a common model.
        """
        from export.targets import find_target

        if warm_start and not common_model:
            raise UsageError("a warm start needs the common model. Leave out --warm-start or --no-common-model.")
        find_target(self.settings.export.target, self.settings.export.quantize)
        asked = {
            "data": self.data,
            "by": self.by,
            "common_model": common_model,
            "warm_start": warm_start,
            "settings": self.settings.record(),
        }
        with self.folder.claimed(asked, resume=resume):
            self.watcher.on_step("looking for assets")
            assets = find_assets(self.data, self.by, self.folder.rows)
            finished = self.folder.finished()
            todo = [one for one in assets if one.name not in finished]
            self.watcher.on_start(len(assets), len(assets) - len(todo))
            if todo:
                common = self._common(executor, assets) if common_model else None
                self._fit(executor, todo, FleetFit(self.settings, common, warm_start))
            self.folder.tidy()
            return self.finish()

    def finish(self) -> Fleet:
        """Write table and report of the outcomes that there are."""
        from saelite.fleet.report.page import write_fleet_report

        self.watcher.on_step("writing table and report")
        fleet = Fleet.read(self.folder.path)
        write_frame(fleet.frame, self.folder.table)
        write_fleet_report(fleet, self.folder.report)
        return fleet

    def _common(self, executor: Executor, assets: Sequence[Asset]) -> FleetModel | None:
        common = self.folder.common()
        if common is None:
            self.watcher.on_step("fitting the common model")
            sample = sample_of(assets, self.settings.detector.seed)
            ((_, common),) = every_result(executor, FleetModelFit(self.settings), [(sample,)])
            common = common.reason if isinstance(common, Lost) else common
            self.folder.keep_common(common)
        return common if isinstance(common, FleetModel) else None

    def _fit(self, executor: Executor, todo: Sequence[Asset], task: FleetFit) -> None:
        self.watcher.on_step(f"training in {executor.name}")
        for asset, result in every_result(executor, task, chunked(todo, at_once(len(todo), executor.workers))):
            lost = isinstance(result, Lost)
            kept = AssetResult(AssetOutcome(asset.name, FAILED, result.reason)) if lost else result
            self.folder.write(kept, self.key)
            self.watcher.on_asset(kept.outcome)


def at_once(assets: int, workers: int) -> int:
    """Return how many assets a worker gets at once: so few that each gets some twice.

    >>> at_once(10_000, 8), at_once(10, 2), at_once(1, 2)
    (16, 3, 1)
    """
    return min(_MOST_AT_ONCE, -(-assets // (2 * max(1, workers))))
