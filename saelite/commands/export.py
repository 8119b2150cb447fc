"""``saelite export``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from saelite.export_options import ExportOptions
from saelite.export_summary import summary
from saelite.exporting import export as export_file
from saelite.options import sign_option
from saelite.progress import step_progress
from saelite.setting_options import settings_options
from saelite.workstation import require_export

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("source", type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, help="Model file to write (.tflite).")
@settings_options(ExportOptions, "options")
@click.option("--representative", type=_PATH, help="Unscaled normal data for a Keras model: .csv, .npy or .npz.")
@click.option(
    "--encoder-output", metavar="LAYER", help="Code layer of a Keras model.  [default: the narrowest dense layer]"
)
@click.option("--labelled", type=_PATH, help="Labelled recording (.csv, or .npz with windows and labels) for ROC-AUC.")
@sign_option
def export(source: Path, output: Path, key: Path | None, options: ExportOptions, **given: Any) -> None:
    """Turn a run folder, or any Keras autoencoder of dense layers, into one quantised, verified model file.

    Scoring head, smoothing and threshold are chosen and fitted on the quantised network's outputs for normal windows
    and synthetic faults. The file is run in every installed runtime of its target. A number format that detects worse
    than float32 is passed over for a wider one.

    \b
    Examples:
      saelite export runs/pump -o pump.tflite
      saelite export runs/pump --false-alarms 1/month -o pump.tflite
      saelite export autoencoder.keras --representative normal.csv -o pump.tflite
      saelite export runs/pump --target c -o pump.tflite
      saelite export runs/pump --target c --max-flash 32k --max-ram 4k -o pump.tflite
      saelite export runs/pump --target c --layout arduino -o pump.tflite
      saelite export runs/pump --target edgetpu --sign maker.pem -o pump.tflite
    """
    require_export("export")
    from export.edgetpu import command

    with step_progress() as on_step:
        done = export_file(source, output, sign=key, on_step=on_step, on_costs=_tell_costs, **vars(options), **given)
    click.echo(summary(done.model, output))
    for warning in done.warnings:
        click.echo(warning, err=True)
    if done.needs_compiling:
        click.echo("edgetpu_compiler is not on PATH. Compile elsewhere, then attach the manifest:")
        click.echo(f"  {command(output)}")
        click.echo(f"  saelite attach {output} {output.stem}_edgetpu.tflite -o {output.stem}_tpu.tflite")
    for path in done.sources:
        click.echo(f"wrote {path}")


def _tell_costs(costs: str) -> None:
    """Print what each head takes on a chip, before one is chosen."""
    click.echo(f"bytes of flash and RAM, and instructions per window, by head:\n{costs}\n")
