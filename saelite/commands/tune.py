"""``saelite tune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from saelite.console_tables import table
from saelite.options import NamesType, label_option, on_missing_option, rows_option
from saelite.progress import step_progress
from saelite.workstation import require_workstation

if TYPE_CHECKING:
    from edge_runtime.tables.row_range import RowRange

_SHOWN = 10


@click.command()
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--storage", type=click.Path(path_type=Path), default="tuning.sqlite", show_default=True,
              help="File that keeps the trials; a search goes on where it stopped.")  # fmt: skip
@click.option("--trials", default=30, show_default=True, type=click.IntRange(1), help="Trials there are to be in all.")
@click.option("--epochs", default=100, show_default=True, type=click.IntRange(1), help="Of each trial, at most.")
@rows_option("Readings to learn from; all of them should be normal.")
@click.option("--sensors", type=NamesType(), default=(), help="Columns to use.  [default: all that are sensors]")
@click.option("--exclude", type=NamesType(), default=(), help="Columns that are no sensors.")
@label_option
@on_missing_option
def tune(
    recording: Path,
    storage: Path,
    trials: int,
    epochs: int,
    rows: RowRange,
    sensors: tuple[str, ...],
    exclude: tuple[str, ...],
    label: str | None,
    on_missing: str,
) -> None:
    """Search for code size, rho, alpha and window, without labels.

    Each trial is trained and exported in float32; its score is the share of synthetic faults found at the alarm budget.
    Prints the best ones and the command that trains with the first.

    \b
    Example:
      saelite tune pump.csv --trials 40
    """
    require_workstation("tune")
    from export.export_run import ExportSettings, export_run
    from training.pipeline import DetectorSettings, TrainedRun
    from training.recordings import Columns, read_recording
    from training.trainer import TrainingSettings
    from training.tuning import tune as search

    normal = read_recording(recording, Columns(sensors, exclude, label), rows=rows, on_missing=on_missing)
    settings = DetectorSettings(training=TrainingSettings(epochs=epochs))

    def judge(run: TrainedRun) -> float:
        return export_run(run.folder, ExportSettings("float32")).manifest.tried[0].detection

    with step_progress() as on_step:
        found = search(
            normal, settings, storage, trials, judge, lambda trial: on_step(f"trial {trial.number}: {trial.score:.3f}")
        )
    columns = ("number", "score", "code_size", "rho", "alpha", "window")
    cells = [tuple(_text(getattr(trial, name)) for name in columns) for trial in found[:_SHOWN]]
    click.echo(table([columns, *cells], header=True))
    best = found[0]
    click.echo(
        f"saelite train {recording} --code-size {best.code_size} --rho {best.rho:.3g} --alpha {best.alpha:.3g} "
        f"--window {best.window} -o RUN"
    )


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
