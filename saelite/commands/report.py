"""``saelite report``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_runtime.errors import UsageError, missing_extra
from edge_runtime.inference.opening import Opening
from edge_runtime.streaming.monitor_settings import MonitorSettings
from saelite.options import label_option, rows_option, with_opening
from saelite.setting_options import settings_options

if TYPE_CHECKING:
    from edge_runtime.tables.row_range import RowRange


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="HTML page to write.")
@rows_option("Readings to report on; earlier ones fill the first window.")
@label_option
@settings_options(MonitorSettings, "watching", without=("stuck_after", "adaptation"))
@click.option("--full", type=click.Path(path_type=Path), metavar="RUN",
              help="Run folder of the model; adds training curves, speed and size to the report.")  # fmt: skip
@with_opening
def report(
    model: Path,
    recording: Path,
    output: Path,
    rows: RowRange,
    label: str | None,
    watching: MonitorSettings,
    full: Path | None,
    opening: Opening,
) -> None:
    """Write an HTML report on a recording: scores, alarms, the sensors to blame and their readings, alarm rates.

    The report is one self-contained file with zoomable charts. The 24 highest alarms are shown in detail. If the
    recording has labels, it also shows F1, false-alarm rate (FAR) and missed-alarm rate (MAR).

    \b
    Examples:
      saelite report pump.tflite log.csv -o report.html
      saelite report pump.tflite log.csv --rows 2026-01-05..2026-01-12 --debounce 3/5 -o week.html
    """
    try:
        from rich.console import Console
    except ImportError as error:
        raise missing_extra("rich", "workstation", "the report") from error
    from benchmarks.recording_report import recording_report
    from benchmarks.report.console import print_report
    from benchmarks.report.html import write_report
    from edge_runtime.model_file.container import read_model_file
    from edge_runtime.replay.recording_scores import ScoreRequest

    if str(recording) == "-":
        raise UsageError("a report reads its recording twice. Expected a file. Received: - (standard input).")
    if full is not None:
        from saelite.workstation import require_workstation

        require_workstation("report --full")
    detector = opening.open(model)
    request = ScoreRequest(rows.rows(str(recording)), label, monitor=replace(watching, drift=False))
    found = recording_report(detector, read_model_file(model), recording, request, detector.manifest.name)
    if full is not None:
        from benchmarks.full_model import with_full_model
        from saelite.progress import step_progress

        with step_progress() as on_step:
            found = with_full_model(found, model, full, on_step)
    write_report(found, output)
    print_report(found, Console())
    click.echo(f"report: {output}")
