"""``saelite attach``."""

from __future__ import annotations

from pathlib import Path

import click

from saelite.options import sign_option
from saelite.tables import size, table

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=_PATH)
@click.argument("compiled", type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, help="Model file to write.")
@click.option("--log", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The compiler's log.")
@sign_option
def attach(model: Path, compiled: Path, output: Path, log: Path | None, key: Path | None) -> None:
    """Put a model file's manifest onto the graph that edgetpu_compiler made of it elsewhere.

    The compiler keeps the graph and drops the rest. MODEL is the file that was exported, COMPILED what the compiler
    wrote. A signature has to be made anew.

    \b
    Example:
      edgetpu_compiler --show_operations --out_dir . pump.tflite
      saelite attach pump.tflite pump_edgetpu.tflite --log pump_edgetpu.log -o pump_tpu.tflite
    """
    from edge_runtime.errors import ModelFileError
    from edge_runtime.model_file import read_model_file
    from export.edgetpu import attach as attach_manifest

    source = read_model_file(model)
    try:
        graph = compiled.read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot read {compiled}: {error.strerror}.") from error
    whole = attach_manifest(source, graph, log.read_text() if log else "")
    if key is not None:
        whole = whole.signed(key)
    whole.write(output)
    click.echo(f"{output}: {size(len(whole.to_bytes()))}{', signed' if whole.signature else ''}")
    if whole.manifest.op_places:
        rows = [(one.op, str(one.count), one.place, one.reason) for one in whole.manifest.op_places]
        click.echo(table([("op", "count", "runs on", "why"), *rows], header=True))
