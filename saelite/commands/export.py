"""``saelite export``."""

from __future__ import annotations

from pathlib import Path

import click

from saelite.progress import step_progress
from saelite.tables import false_alarms, size
from saelite.workstation import require_workstation


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Model file to write (.tflite).")
@click.option(
    "--quantize",
    type=click.Choice(["int8", "float32"]),
    default="int8",
    show_default=True,
    help="Numbers the network computes in; scaling and head stay float.",
)
def export(run: Path, output: Path, quantize: str) -> None:
    """Turn a run folder into one quantised, verified model file.

    The file is run in every installed runtime before it is written; its threshold is fitted on its own scores.

    \b
    Example:
      saelite export runs/pump -o pump.tflite
    """
    from edge_runtime.run_folder import read_run_folder

    source = read_run_folder(run)
    require_workstation("export")
    from export.pipeline import ExportSettings, export_run

    with step_progress() as on_step:
        model = export_run(source, ExportSettings(scheme=quantize), on_step)
    model.write(output)
    parity = model.manifest.parity
    click.echo(
        f"{output}: {size(len(model.to_bytes()))}, {quantize}, threshold {model.manifest.threshold.value:.4g}, "
        f"run in {', '.join(f'{check.runtime} {check.version}' for check in model.manifest.runtimes)}"
    )
    click.echo(f"threshold: {false_alarms(model.manifest.threshold)}")
    if parity is not None:
        click.echo(
            f"against the full model on {parity.n_windows} held-out windows: score correlation "
            f"{parity.score_correlation:.4f}, rank correlation {parity.score_rank_correlation:.4f}, "
            f"alarms agree on {parity.alarm_agreement:.2%}"
        )
