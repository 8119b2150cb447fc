"""``saelite tune``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from saelite.console_tables import table
from saelite.plain import plain
from saelite.progress import step_progress
from saelite.setting_options import settings_options, words_of
from saelite.workstation import require_workstation
from training.settings import DetectorSettings, Selection, searched

if TYPE_CHECKING:
    from training.trained_run import TrainedRun
    from training.tuning import TuningTrial

_SHOWN = 10


@click.command()
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--storage", type=click.Path(path_type=Path), default="tuning.sqlite", show_default=True,
              help="File that stores the trials; an interrupted search resumes from it.")  # fmt: skip
@click.option("--trials", default=30, show_default=True, type=click.IntRange(1), help="Total number of trials.")
@settings_options(Selection, "selection")
@settings_options(DetectorSettings, "settings", without=searched())
def tune(recording: Path, storage: Path, trials: int, selection: Selection, settings: DetectorSettings) -> None:
    """Search for code size, rho, alpha and window, without labels.

    Each trial is trained and exported in float32; its score is the share of synthetic faults found at the alarm budget.
    The first trial is what `saelite train` does by itself. Prints the best ones and the command that trains the first
    of them, exactly.

    \b
    Example:
      saelite tune pump.csv --trials 40
    """
    require_workstation("tune")
    from export.export_run import ExportSettings, export_run
    from training.tuning import tune as search

    normal = selection.read(recording)

    def judge(run: TrainedRun) -> float:
        return export_run(run.folder, ExportSettings("float32")).manifest.tried[0].detection

    with step_progress() as on_step:
        found = search(
            normal, settings, storage, trials, judge, lambda trial: on_step(f"trial {trial.number}: {trial.score:.3f}")
        )
    columns = ("number", "score", *searched())
    click.echo(table([columns, *(_cells(trial) for trial in found[:_SHOWN])], header=True))
    words = [str(recording), *words_of(selection), *words_of(found[0].settings), "-o", f"runs/{normal.name}"]
    click.echo(plain(shlex.join(["saelite", "train", *words])))


def _cells(trial: TuningTrial) -> tuple[str, ...]:
    values = (getattr(trial.settings, name) for name in searched())
    return (str(trial.number), f"{trial.score:.3g}", *map(_text, values))


def _text(value: object) -> str:
    if value is None:
        return "auto"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
