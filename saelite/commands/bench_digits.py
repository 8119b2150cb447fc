"""``saelite bench digits``."""

from __future__ import annotations

from pathlib import Path

import click

from edge_runtime.inference.heads import PARTS
from saelite.progress import step_progress, training_progress
from saelite.workstation import require_workstation


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for run and model file.")
@click.option("--head", type=click.Choice(list(PARTS)), default="t2", show_default=True, help="Scoring head.")
@click.option("--epochs", default=20, show_default=True, type=click.IntRange(1), help="Maximum number of epochs.")
def digits(output: Path, head: str, epochs: int) -> None:
    """Make the model of the published speed figures: 784-64-32-64-784, trained on handwritten digits.

    Writes OUTPUT/run and OUTPUT/digits.tflite. The digits come with scikit-learn; nothing is downloaded.

    \b
    Example:
      saelite bench digits -o digits
    """
    require_workstation("bench digits")
    from benchmarks.digits import train_digits
    from export.export_run import ExportSettings, export_run

    output.mkdir(parents=True, exist_ok=True)
    with training_progress(epochs) as on_epoch:
        trained = train_digits(head, epochs, on_epoch)
    trained.save(output / "run", overwrite=True)
    with step_progress() as on_step:
        export_run(trained.folder, ExportSettings("int8"), on_step).write(output / "digits.tflite")
    click.echo(f"{output / 'run'} and {output / 'digits.tflite'}")
