"""``saelite attach``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.errors import missing_extra
from saelite.console_tables import size, table
from saelite.option_types import NamesType, NumbersType
from saelite.options import sign_option

if TYPE_CHECKING:
    from edge_runtime.model_file.container import ModelFile

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=_PATH)
@click.argument("compiled", type=_PATH, required=False)
@click.option("-o", "--output", type=_PATH, required=True, help="Model file to write.")
@click.option("--log", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The compiler's log.")
@click.option("--normal", type=_PATH, metavar="RECORDING",
              help="Unscaled normal data: .csv, .npy or .npz. What no option sets is fitted on them.")  # fmt: skip
@click.option(
    "--sensors",
    type=NamesType(),
    default=(),
    help="Sensor names in the graph's order.  [default: the recording's columns]",
)
@click.option(
    "--window", type=click.IntRange(1), help="Readings the graph takes at once.  [default: from its input shape]"
)
@click.option("--scaling", type=click.Choice(["none", "standard"]), default="none", show_default=True,
              help="Input of the graph: raw values, or values standardised on the normal data.")  # fmt: skip
@click.option("--center", type=NumbersType(), default=(), help="Centre of each sensor, instead of --scaling.")
@click.option(
    "--scale", type=NumbersType(), default=(), help="Scale of each sensor: the graph takes (value - center) / scale."
)
@click.option("--reconstruction", default="", metavar="NAME", help="Name of the output that holds the reconstruction.")
@click.option("--codes", default="", metavar="NAME", help="Name of the output that holds the codes.")
@click.option("--head", type=click.Choice(["spe", "residual", "joint", "t2", "t2x"]),
              help="Scoring head, see docs/concepts/scoring.md.  [default: spe; t2 for an encoder alone]")  # fmt: skip
@click.option("--head-file", type=_PATH, help="Fitted head: .npz with mean and whitening.")
@click.option("--threshold", type=float, help="Threshold of the score.  [default: fitted on the normal data]")
@sign_option
def attach(
    model: Path, compiled: Path | None, output: Path, log: Path | None, key: Path | None, **by_hand: Any
) -> None:
    """Add a manifest to a graph that has none: one compiled for the Edge TPU, or one made by another tool.

    COMPILED is the output of edgetpu_compiler for MODEL. The compiler keeps the graph but drops the manifest, which is
    taken from MODEL. Without COMPILED, MODEL is any .tflite autoencoder with float32 or int8 inputs and outputs; the
    meaning of its values is given by options or fitted on normal data. The graph is not changed. A signature must be
    made again.

    \b
    Examples:
      saelite attach theirs.tflite --normal normal.csv --scaling standard -o pump.tflite
      saelite attach theirs.tflite --sensors flow,heat --center 30,20 --scale 5,2 --threshold 9 -o pump.tflite
      edgetpu_compiler --show_operations --out_dir . pump.tflite
      saelite attach pump.tflite pump_edgetpu.tflite --log pump_edgetpu.log -o pump_tpu.tflite
    """
    from edge_runtime.model_file.checking.whole_file import check_model

    try:
        whole = _described(model, output.stem, by_hand) if compiled is None else _compiled(model, compiled, log)
    except ImportError as error:
        raise missing_extra(error.name or "flatbuffers", "export", "`saelite attach`") from error
    check_model(whole.flatbuffer, whole.manifest, whole.arrays)
    if key is not None:
        whole = whole.signed(key)
    whole.write(output)
    click.echo(f"{output}: {size(len(whole.to_bytes()))}{', signed' if whole.signature else ''}")
    if whole.manifest.op_places:
        rows = [(one.op, str(one.count), one.place, one.reason) for one in whole.manifest.op_places]
        click.echo(table([("op", "count", "runs on", "why"), *rows], header=True))
    if compiled is None:
        threshold = whole.manifest.threshold
        click.echo(f"head {whole.manifest.spec.scoring.head}, threshold {threshold.value:.4g}: {threshold.method}")


def _compiled(model: Path, compiled: Path, log: Path | None) -> ModelFile:
    from edge_runtime.model_file.checking.whole_file import check_flatbuffer
    from edge_runtime.model_file.container import read_content, read_model_file
    from export.edgetpu import attach as attach_manifest

    content = read_content(compiled)
    check_flatbuffer(content)
    return attach_manifest(read_model_file(model), content, log.read_text() if log else "")


def _described(model: Path, name: str, by_hand: dict[str, Any]) -> ModelFile:
    from edge_runtime.model_file.checking.whole_file import check_flatbuffer
    from edge_runtime.model_file.container import read_content
    from export.by_hand import ByHand
    from export.third_party import describe_graph

    normal, content = by_hand.pop("normal"), read_content(model)
    check_flatbuffer(content)
    return describe_graph(content, name, ByHand(**by_hand), normal)
