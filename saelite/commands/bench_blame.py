"""``saelite bench blame``."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path

import click

from saelite.console_tables import table
from saelite.options import seeds_option
from saelite.progress import step_progress
from saelite.workstation import require_workstation

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.option("--tep", type=_FOLDER, metavar="DIR", help="Also use the Tennessee Eastman process's normal runs.")
@click.option("--skab", type=_FOLDER, metavar="DIR", help="Also use SKAB's normal recording.")
@seeds_option("machines and trainings")
@click.option("--json", "json_file", type=_FOLDER, metavar="FILE", help="Also write the figures as JSON.")
def blame(tep: Path | None, skab: Path | None, seeds: int, json_file: Path | None) -> None:
    """Measure how often an alarm names the right sensor, with the product's defaults.

    Simulated machines of 20 sensors are learnt, and each sensor in turn is biased, stuck, noisy or decorrelated. Among
    the windows in alarm that the fault fills, prints how often the faulty sensor is named first, and among the first
    three.

    \b
    Examples:
      saelite bench blame
      saelite bench blame --tep TEP --skab SKAB/data --json blame.json
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    require_workstation("bench blame")
    from benchmarks import blame, blame_trials
    from benchmarks.json_file import write_json

    chosen = range(seeds)
    trials = [zip(blame_trials.simulated(chosen), chosen, strict=True)]
    if tep is not None:
        trials.append(zip(blame_trials.of_tep(tep, chosen), chosen, strict=True))
    if skab is not None:
        trials.append(zip(blame_trials.of_skab(skab, chosen), chosen, strict=True))
    with step_progress() as on_step:
        found = blame.measure(chain.from_iterable(trials), on_step)
    click.echo(table(blame.table(found), header=True))
    if json_file is not None:
        write_json(json_file, found)
