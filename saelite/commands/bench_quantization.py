"""``saelite bench quantization``."""

from __future__ import annotations

from pathlib import Path

import click

from saelite.console_tables import table
from saelite.progress import step_progress
from saelite.workstation import require_workstation


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with any of skab/*/*.csv, adbench/*.npz, tep/*.csv and nab/*/*.csv.  "
    "[default: the bundled recording alone]",
)
@click.option("--epochs", type=click.IntRange(0), help="Maximum number of epochs.  [default: as saelite train]")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Also write the figures as JSON."
)
def quantization(data: Path | None, epochs: int | None, json_file: Path | None) -> None:
    """Measure what quantisation costs: compare the file that export chooses with a float32 file.

    Prints ROC-AUC and agreement of alarms for each set, trained and exported with the product's defaults. SKAB's
    recordings are pooled by folder; each of NAB's series is its own set.

    \b
    Example:
      saelite bench quantization --data ../shared/data
    """
    require_workstation("bench quantization")
    from benchmarks.json_file import write_json
    from benchmarks.quantization_loss import measure

    with step_progress() as on_step:
        found = measure(data, epochs, on_step)
    click.echo(table(found.rows(), header=True))
    click.echo(f"\n{found.summary()}")
    if json_file is not None:
        write_json(json_file, found)
