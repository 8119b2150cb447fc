"""``saelite score``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from saelite.loading import load_detector
from saelite.options import (
    adaptation_options,
    adaptation_settings,
    alarm_options,
    alarm_settings,
    detector_options,
    label_option,
    on_missing_option,
    only_when_option,
    rows_option,
)
from saelite.plain import plain

if TYPE_CHECKING:
    from edge_runtime.tables.row_range import RowRange


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path, allow_dash=True))
@click.option("-o", "--output", type=click.Path(path_type=Path, allow_dash=True), required=True,
              help="CSV file to write; - is standard output.")  # fmt: skip
@rows_option("Readings to score; earlier ones fill the first window.")
@label_option
@on_missing_option
@click.option("--explain", is_flag=True, help="Add each sensor's contribution to the score.")
@only_when_option("Score only rows that meet this condition; the others are never in alarm.  [default: as trained]")
@alarm_options
@adaptation_options
@detector_options
def score(
    model: Path,
    recording: Path,
    output: Path,
    rows: RowRange,
    label: str | None,
    on_missing: str,
    explain: bool,
    only_when: str | None,
    exit_ratio: float,
    debounce: tuple[int, int],
    min_duration: float | None,
    cool_down: float | None,
    mean_rate: float | None,
    scale_rate: float | None,
    mean_ceiling: float,
    adapt: str | None,
    target_far: float,
    runtime: str,
    threads: int,
    accelerator: str | None,
    accelerator_fallback: str | None,
    trusted_key: tuple[Path, ...],
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
    from edge_runtime.streaming.monitor import MonitorSettings

    adaptation = adaptation_settings(adapt, target_far, mean_rate, scale_rate, mean_ceiling)
    detector = load_detector(
        model,
        runtime=runtime,
        threads=threads,
        accelerator=accelerator,
        accelerator_fallback=accelerator_fallback,
        trusted_key=trusted_key,
    )
    monitor = MonitorSettings(
        alarm_settings(exit_ratio, debounce, min_duration, cool_down),
        adaptation,
        on_missing,
        only_when=only_when,
        explain="always" if explain else "never",
        drift=False,
    )
    request = ScoreRequest(rows.rows(str(recording)), label, monitor=monitor)
    summary = score_recording(detector, str(recording), str(output), request, _tell)
    click.echo(summary.text(), err=str(output) == "-")


def _tell(message: str) -> None:
    click.echo(f"saelite: {plain(message)}", err=True)
