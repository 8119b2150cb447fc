"""``saelite fleet train``."""

from __future__ import annotations

from pathlib import Path

import click

from edge_runtime.errors import SaeliteError
from saelite.export_options import ExportOptions
from saelite.options import fleet_options, sign_option
from saelite.plain import plain
from saelite.progress import fleet_progress
from saelite.resuming import resumable
from saelite.setting_options import settings_options
from saelite.workstation import check_workstation
from training.settings import DetectorSettings, Selection


@click.command()
@click.argument("data")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the fleet to write.")
@fleet_options("Continue a fleet; assets that failed are tried again.")
@click.option("--common-model/--no-common-model", default=True, show_default=True,
              help="Fit a common model of all assets first, for comparison and as a fallback.")  # fmt: skip
@click.option("--warm-start/--no-warm-start", default=None,
              help="Start networks from the common model.  [default: where no score depends on it]")  # fmt: skip
@settings_options(Selection, "selection")
@settings_options(DetectorSettings, "detector")
@settings_options(ExportOptions, "export")
@sign_option
def train(
    data: str,
    output: Path,
    by: str,
    cluster: str | None,
    workers: int | None,
    resume: bool,
    common_model: bool,
    warm_start: bool | None,
    selection: Selection,
    detector: DetectorSettings,
    export: ExportOptions,
    key: Path | None,
) -> None:
    """Train, export and check a model for each asset.

    DATA is a folder with a file or a folder for each asset, a folder of Hive partitions (asset=NAME/), a CSV or Parquet
    file with a column that names the asset, or a URL of any of these. An asset that cannot be modelled as asked falls
    back, step by step, or is reported; it never stops the others.

    \b
    Examples:
      saelite fleet train pumps/ -o fleet
      saelite fleet train plant.parquet --by pump_id -o fleet
      saelite fleet train s3://plant/pumps --cluster tcp://scheduler:8786 -o fleet
      saelite fleet train pumps/ -o fleet --resume
    """
    check_workstation("fleet train")
    from saelite.fleet.executors import executor_for
    from saelite.fleet.fleet_folder import FleetFolder
    from saelite.fleet.fleet_settings import FleetSettings
    from saelite.fleet.outcome import FAILED
    from saelite.fleet.training import FleetTraining
    from saelite.fleet.watcher import Watcher

    settings = FleetSettings(selection, detector, export)
    with resumable(output), executor_for(cluster, workers) as executor, fleet_progress() as bar:
        watcher = Watcher(bar.step, bar.start, bar.asset)
        training = FleetTraining(data, FleetFolder(output), by, settings, key, watcher)
        fleet = training.run(executor, resume=resume, common_model=common_model, warm_start=warm_start)
    click.echo(plain(repr(fleet)))
    click.echo(plain(f"report: {FleetFolder(output).report}"))
    if all(one.status == FAILED for one in fleet.outcomes):
        raise SaeliteError("no asset has a model. See the reasons above.")
