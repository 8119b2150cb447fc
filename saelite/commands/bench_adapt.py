"""``saelite bench adapt``."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path

import click

from saelite.console_tables import table
from saelite.options import seeds_option
from saelite.progress import step_progress
from saelite.workstation import require_workstation

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--skab", type=_PATH, metavar="DIR", help="Also use SKAB, each recording with a model of another one.")
@seeds_option("machines and trainings")
@click.option("--json", "json_file", type=_PATH, metavar="FILE", help="Also write the figures as JSON.")
def adapt(skab: Path | None, seeds: int, json_file: Path | None) -> None:
    """Measure what `saelite adapt` is worth on a machine other than the one learnt from.

    Simulated machines of 20 sensors stand at another site, with other offsets, gains and noise. A detector made
    elsewhere is used as it is, adapted to a normal week, and compared with one trained on that week.

    \b
    Examples:
      saelite bench adapt
      saelite bench adapt --skab SKAB/data --json adapt.json
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    require_workstation("bench adapt")
    from benchmarks import adaptation
    from benchmarks.json_file import write_json

    chosen = range(seeds)
    trials = [adaptation.simulated(chosen)]
    if skab is not None:
        trials.append(adaptation.of_skab(skab, chosen))
    with step_progress() as on_step:
        found = adaptation.measure(chain.from_iterable(trials), on_step)
    click.echo(table(adaptation.table(found), header=True))
    if json_file is not None:
        write_json(json_file, found)
