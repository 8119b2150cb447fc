"""``saelite score``."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_runtime.errors import SaeliteError, UsageError
from edge_runtime.inference.opening import Opening
from edge_runtime.streaming.monitor_settings import MonitorSettings
from saelite.options import fleet_options, label_option, rows_option, with_opening
from saelite.plain import plain, tell
from saelite.setting_options import settings_options

if TYPE_CHECKING:
    from edge_runtime.tables.row_range import RowRange
    from saelite.fleet.score_asset import ScoreSettings

_FORMS = _CSV, _PARQUET = "csv", "parquet"


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data")
@click.option("-o", "--output", type=click.Path(allow_dash=True), required=True,
              help="CSV file to write, - is standard output; or a folder, for Parquet. Or a URL of these.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(_FORMS),
              help="Write one CSV, or a folder of Parquet files, one for each asset.  "
              "[default: parquet if MODEL, DATA or -o is a folder, or a URL not of a .csv]")  # fmt: skip
@fleet_options("With --format parquet: continue; assets without scores are tried again.")
@rows_option("Readings to score; earlier ones fill the first window.")
@label_option
@click.option(
    "--explain",
    is_flag=True,
    help="Add each sensor's contribution to the score and its expected value, and an explanation of anomalies.",
)
@settings_options(MonitorSettings, "watching", without=("stuck_after",))
@with_opening
def score(
    model: Path,
    data: str,
    output: str,
    form: str | None,
    by: str,
    cluster: str | None,
    workers: int | None,
    resume: bool,
    rows: RowRange,
    label: str | None,
    explain: bool,
    watching: MonitorSettings,
    opening: Opening,
) -> None:
    """Score a recording, or the recordings of many assets: one row per window with score, anomaly and alarm.

    DATA is one recording, scored into a CSV. Or it is what `saelite fleet train` takes: a folder with a file or a
    folder for each asset, Hive partitions (asset=NAME/), a table with a column that names the asset, or a URL of
    these. MODEL is then one file for all assets, or a fleet, whose models are taken by name; scores come as
    OUTPUT/asset=NAME/scores.parquet with a table of all alarms.

    CSV works with the base install, without tensorflow. Prints the number of alarms, per hour, day and week if the
    recording has a time column, and F1, false-alarm rate (FAR) and missed-alarm rate (MAR) if it has labels. See
    docs/how-to/alarms.md for alarms, docs/concepts/adaptation.md for adaptation and docs/how-to/fleets.md for many
    assets.

    \b
    Examples:
      saelite score pump.tflite log.csv -o scores.csv
      saelite score pump.tflite normal.csv --adapt spot --target-far 0.001 -o scores.csv
      cat log.csv | saelite score pump.tflite - -o - | head
      saelite score pump.tflite history.parquet --format parquet -o scores/
      saelite score fleet/ s3://plant/history --cluster tcp://scheduler:8786 -o s3://plant/scores
    """
    from edge_runtime.replay.recording_scores import ScoreRequest
    from edge_runtime.replay.scores_csv import score_recording

    if (form or _form_of(model, data, output)) == _PARQUET:
        from saelite.fleet.score_asset import ScoreSettings

        settings = ScoreSettings(rows, label, explain, watching, opening)
        _score_assets(model, data, output, settings, by=by, cluster=cluster, workers=workers, resume=resume)
        return
    if resume or cluster is not None or workers is not None:
        raise UsageError("--resume, --cluster and --workers need a folder of Parquet: add --format parquet -o FOLDER.")
    monitor = replace(watching, explain="always" if explain else "never", drift=False)
    request = ScoreRequest(rows.rows(data), label, monitor=monitor)
    detector = opening.open(model)
    with _sent(output) if "://" in output else nullcontext(output) as path:
        summary = score_recording(detector, data, str(path), request, tell)
    click.echo(summary.text(), err=output == "-")


def _sent(url: str) -> AbstractContextManager[Path]:
    from saelite.fleet.written_place import written_to

    return written_to(url)


def _form_of(model: Path, data: str, output: str) -> str:
    is_folder = model.is_dir() or Path(data).is_dir() or "://" in data or Path(output).is_dir()
    is_place = output.endswith(("/", os.sep)) or ("://" in output and not output.endswith(".csv"))
    return _PARQUET if is_folder or is_place else _CSV


def _score_assets(
    model: Path, data: str, output: str, settings: ScoreSettings, *,
    by: str, cluster: str | None, workers: int | None, resume: bool,
) -> None:  # fmt: skip
    from saelite.fleet.executors import executor_for
    from saelite.fleet.score_outcome import SCORED
    from saelite.fleet.scores_place import scores_place
    from saelite.fleet.scoring import FleetScoring
    from saelite.fleet.watcher import Watcher
    from saelite.progress import fleet_progress
    from saelite.resuming import resumable

    if output == "-":
        raise UsageError("--format parquet needs a folder. Received: -o -. Name one: -o scores/")
    folder = scores_place(output)
    with resumable(output), executor_for(cluster, workers) as executor, fleet_progress(SCORED) as bar:
        watcher = Watcher(bar.step, bar.start, bar.asset)
        found = FleetScoring(model, data, folder, by, settings, watcher).run(executor, resume=resume)
    click.echo(plain(repr(found)))
    click.echo(plain(f"table: {folder.summary}"))
    if all(one.status != SCORED for one in found.outcomes):
        raise SaeliteError("no asset has scores. See the reasons above.")
