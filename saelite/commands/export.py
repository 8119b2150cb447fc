"""``saelite export``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from saelite.export_summary import summary
from saelite.exporting import export as export_file
from saelite.options import sign_option
from saelite.progress import step_progress
from saelite.workstation import require_workstation

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("source", type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, help="Model file to write (.tflite).")
@click.option(
    "--target",
    type=click.Choice(["cpu", "litert", "tflite-runtime", "edgetpu", "micro", "c"]),
    default="cpu",
    show_default=True,
    help="Where the file will run; cpu means both litert and tflite-runtime.",
)
@click.option(
    "--quantize",
    type=click.Choice(["int8", "mixed", "int16x8", "float32", "dynamic", "float16"]),
    help="Number format of the network; scaling and head stay float. "
    "[default: the first of int8, mixed, int16x8, float32 that detects as well as float32]",
)
@click.option("--rounding", type=click.Choice(["litert", "tflm"]),
              help="For --target c: whose int8 kernels the C follows bit for bit.  [default: litert]")  # fmt: skip
@click.option("--layout", type=click.Choice(["plain", "cmake", "arduino", "platformio", "esp-idf", "zephyr"]),
              help="For --target c: whose library or package the C is laid out as.  [default: cmake]")  # fmt: skip
@click.option("--representative", type=_PATH, help="Unscaled normal data for a Keras model: .csv, .npy or .npz.")
@click.option(
    "--encoder-output", metavar="LAYER", help="Code layer of a Keras model.  [default: the narrowest dense layer]"
)
@click.option("--labelled", type=_PATH, help="Labelled recording (.csv, or .npz with windows and labels) for ROC-AUC.")
@click.option("--runtime-python", type=_PATH, multiple=True,
              help="Python of another environment, to run the file in its runtimes too; repeatable.")  # fmt: skip
@click.option("--false-alarms", default="1/week", show_default=True, metavar="N/UNIT",
              help="Alarm budget for the threshold, per hour, day, week, month or reading.")  # fmt: skip
@click.option("--model-version", type=click.IntRange(0), default=0, show_default=True,
              help="Increase with each release; a running stream refuses lower versions.")  # fmt: skip
@sign_option
def export(source: Path, output: Path, key: Path | None, **options: Any) -> None:
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
      saelite export runs/pump --target c --layout arduino -o pump.tflite
      saelite export runs/pump --target edgetpu --sign maker.pem -o pump.tflite
    """
    require_workstation("export")
    from export.edgetpu import command

    with step_progress() as on_step:
        done = export_file(source, output, sign=key, on_step=on_step, **options)
    click.echo(summary(done.model, output))
    for warning in done.warnings:
        click.echo(warning, err=True)
    if done.needs_compiling:
        click.echo("edgetpu_compiler is not on PATH. Compile elsewhere, then attach the manifest:")
        click.echo(f"  {command(output)}")
        click.echo(f"  saelite attach {output} {output.stem}_edgetpu.tflite -o {output.stem}_tpu.tflite")
    for path in done.sources:
        click.echo(f"wrote {path}")
