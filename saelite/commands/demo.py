"""``saelite demo``."""

from __future__ import annotations

from pathlib import Path

import click

from edge_runtime.common.atomic import unwritable
from saelite.workstation import require_workstation


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("saelite-demo"),
    show_default=True,
    help="Folder for the recording, the run, the model file, the scores and the report.",
)
def demo(output: Path) -> None:
    """Run the whole loop on the bundled recording of a machine watching itself.

    Shows each command before running it, with no options but rows and files: trains on the normal part, exports one
    file, scores the rest in a process without tensorflow, and writes a report that compares the file with the full
    model. Takes a few minutes.

    \b
    Example:
      saelite demo -o my-demo
    """
    require_workstation("demo")
    from benchmarks.bundled import write_bundled_recording
    from benchmarks.whole_loop import RECORDING, REPORT, run_commands

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(output, error) from error
    write_bundled_recording(output / RECORDING)
    click.secho(f"$ cd {output}", bold=True)
    run_commands(output, lambda line: click.secho(f"\n$ {line}", bold=True))
    click.echo(f"\nOpen {output / REPORT} in a browser.")
