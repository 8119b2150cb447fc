"""``saelite score``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_runtime.inference.opening import Opening
from edge_runtime.streaming.monitor_settings import MonitorSettings
from saelite.options import label_option, rows_option, with_opening
from saelite.plain import tell
from saelite.setting_options import settings_options

if TYPE_CHECKING:
    from edge_runtime.tables.row_range import RowRange


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path, allow_dash=True))
@click.option("-o", "--output", type=click.Path(path_type=Path, allow_dash=True), required=True,
              help="CSV file to write; - is standard output.")  # fmt: skip
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
    recording: Path,
    output: Path,
    rows: RowRange,
    label: str | None,
    explain: bool,
    watching: MonitorSettings,
    opening: Opening,
) -> None:
    """Score a recording: one row per window with score, anomaly and alarm.

    Works with the base install, without tensorflow. Prints the number of alarms, per hour, day and week if the
    recording has a time column, and F1, false-alarm rate (FAR) and missed-alarm rate (MAR) if it has labels. See
    docs/how-to/alarms.md for alarms and docs/concepts/adaptation.md for adaptation.

    \b
    Examples:
      saelite score pump.tflite log.csv -o scores.csv
      saelite score pump.tflite normal.csv --adapt spot --target-far 0.001 -o scores.csv
      cat log.csv | saelite score pump.tflite - -o - | head
    """
    from edge_runtime.replay.recording_scores import ScoreRequest
    from edge_runtime.replay.scores_csv import score_recording

    monitor = replace(watching, explain="always" if explain else "never", drift=False)
    request = ScoreRequest(rows.rows(str(recording)), label, monitor=monitor)
    summary = score_recording(opening.open(model), str(recording), str(output), request, tell)
    click.echo(summary.text(), err=str(output) == "-")
