"""``saelite score``."""

from __future__ import annotations

from pathlib import Path

import click

from saelite.loading import load_detector
from saelite.options import (
    adaptation_options,
    adaptation_settings,
    detector_options,
    label_option,
    on_missing_option,
    rows_option,
)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path, allow_dash=True))
@click.option("-o", "--output", type=click.Path(path_type=Path, allow_dash=True), required=True,
              help="CSV to write, - for standard output.")  # fmt: skip
@rows_option("Readings to give results for; those before them fill the first window.")
@label_option
@on_missing_option
@click.option("--explain", is_flag=True, help="Add each sensor's contribution to the score.")
@adaptation_options
@detector_options
def score(
    model: Path,
    recording: Path,
    output: Path,
    rows: slice,
    label: str | None,
    on_missing: str,
    explain: bool,
    mean_rate: float | None,
    mean_ceiling: float,
    adapt: str | None,
    target_far: float,
    runtime: str,
    threads: int,
    accelerator: str | None,
    accelerator_fallback: str | None,
    trusted_key: tuple[Path, ...],
) -> None:
    """Score a recording: one row per window with score and anomaly.

    Works with the base install, without tensorflow. Where the recording has labels it also prints F1, false-alarm
    rate (FAR) and missed-alarm rate (MAR). docs/adaptation.md describes what may adapt.

    \b
    Examples:
      saelite score pump.tflite log.csv -o scores.csv
      saelite score pump.tflite normal.csv --adapt spot --target-far 0.001 -o scores.csv
      cat log.csv | saelite score pump.tflite - -o - | head
    """
    from edge_runtime.scores_csv import ScoreRequest, score_recording

    adaptation = adaptation_settings(adapt, target_far, mean_rate, mean_ceiling)
    detector = load_detector(
        model,
        runtime=runtime,
        threads=threads,
        accelerator=accelerator,
        accelerator_fallback=accelerator_fallback,
        trusted_key=trusted_key,
    )
    request = ScoreRequest(rows, label, on_missing, explain=explain, adaptation=adaptation)
    summary = score_recording(detector, str(recording), str(output), request)
    click.echo(summary.text(), err=str(output) == "-")
