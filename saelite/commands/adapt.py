"""``saelite adapt``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_runtime.errors import UsageError
from edge_runtime.inference.opening import Opening
from saelite.options import rows_option, sign_option, with_opening
from saelite.plain import tell

if TYPE_CHECKING:
    from edge_runtime.tables.row_range import RowRange

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=_PATH)
@click.option("--normal", "recording", type=click.Path(path_type=Path, allow_dash=True), metavar="RECORDING",
              help="Recording of this machine at normal work; every row counts as normal.")  # fmt: skip
@click.option("--history", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="History of saelite run: what it has between alarms, and during those marked as false, counts as "
              "normal.")  # fmt: skip
@click.option("--machine", metavar="NAME", help="Name of the machine in the history.  [default: the only one there, or "
              "the model's]")  # fmt: skip
@click.option("-o", "--output", type=_PATH,
              help="Model file to write (.tflite).  [default: with --undo, MODEL itself]")  # fmt: skip
@rows_option("Part of the recording:")
@click.option("--false-alarms", metavar="N/UNIT", help="Alarm budget for the threshold, per hour, day, week, month or "
              "reading.  [default: the model file's]")  # fmt: skip
@click.option("--undo", is_flag=True, help="Write the maker's file that an adapted file carries within.")
@sign_option
@with_opening
def adapt(
    model: Path,
    recording: Path | None,
    history: Path | None,
    machine: str | None,
    output: Path | None,
    rows: RowRange,
    false_alarms: str | None,
    undo: bool,
    key: Path | None,
    opening: Opening,
) -> None:
    """Fit a model file to this machine: scaling, head and threshold anew, the network as the maker made it.

    Works with the base install, without tensorflow. The threshold is fitted by the same rule as on export, and the file
    is run in every installed runtime before it is written. It carries the maker's file within, which --undo writes.
    With --sign it is signed by this device; --trusted-key and --device-key then accept it. See docs/how-to/adapting.md.

    \b
    Examples:
      saelite adapt pump.tflite --normal recording.csv -o site.tflite
      saelite adapt pump.tflite --history site.db -o site.tflite
      saelite adapt pump.tflite --normal recording.csv --rows 0h:8h --sign device.pem -o site.tflite
      saelite adapt site.tflite --undo -o pump.tflite
    """
    from saelite import adapting

    if undo:
        path = adapting.undo(model, output, opening=opening)
        click.echo(f"{path}: as its maker wrote it")
        return
    if output is None:
        raise UsageError("where to? Expected -o FILE. Received: neither that nor --undo.")
    done = adapting.adapt(
        model,
        recording,
        output,
        history=history,
        machine=machine,
        rows=rows,
        false_alarms=false_alarms,
        sign=key,
        opening=opening,
        tell=tell,
    )
    click.echo(repr(done))
    for warning in done.warnings:
        click.echo(warning, err=True)
