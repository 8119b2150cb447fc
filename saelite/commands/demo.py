"""``saelite demo``."""

from __future__ import annotations

from pathlib import Path

import click

from edge_runtime.atomic import unwritable
from saelite.progress import step_progress, training_progress
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

    Trains on the normal part, exports one int8 file, scores the rest in a process without tensorflow, compares it
    with the full model, and writes a report. Takes a minute or two.

    \b
    Example:
      saelite demo -o my-demo
    """
    require_workstation("demo")
    from rich.console import Console

    from benchmarks import whole_loop
    from benchmarks.bundled import write_bundled_recording
    from benchmarks.report.console import print_report
    from benchmarks.report.html import write_report

    files = whole_loop.Files(output)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(output, error) from error
    write_bundled_recording(files.recording)
    with training_progress(whole_loop.SETTINGS.training.epochs) as on_epoch:
        run = whole_loop.learn(files, on_epoch)
    with step_progress() as on_step:
        models = whole_loop.ship(run, files, on_step)
        on_step("scoring on the device side")
        scores = whole_loop.score_on_the_device_side(files)
        benchmark = whole_loop.compare(files, on_step)
    report = whole_loop.report(run, models, scores, benchmark, files)
    write_report(report, files.report)
    print_report(report, Console())
    click.echo(f"report: {files.report}")
