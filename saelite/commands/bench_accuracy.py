"""``saelite bench accuracy``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_runtime.errors import UsageError
from edge_runtime.heads import PARTS
from saelite.options import NamesType
from saelite.progress import step_progress
from saelite.tables import table
from saelite.workstation import require_workstation

if TYPE_CHECKING:
    from benchmarks.accuracy.result import Accuracy


@click.command()
@click.option("--skab", type=click.Path(path_type=Path), metavar="DIR", help="Folder of SKAB's CSV files.")
@click.option("--adbench", type=click.Path(path_type=Path), metavar="DIR", help="Folder of ADBench's .npz files.")
@click.option("--fit-times", is_flag=True, help="Learn --adbench beside PyOD's autoencoder instead: time and ROC-AUC.")
@click.option("--neighbours", is_flag=True, help="Try the settings next to the recipe's on --skab instead.")
@click.option("--csv", type=click.Path(path_type=Path), metavar="DIR", help="Folder of labelled CSV recordings.")
@click.option("--label", metavar="COLUMN", help="Column of --csv that says whether a row is anomalous.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="Trainings of each, seeds 0, 1, …")
@click.option("--heads", type=NamesType(), default=(), help="Heads to try on --adbench.  [default: all]")
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write JSON as well.")
def accuracy(
    skab: Path | None,
    adbench: Path | None,
    fit_times: bool,
    neighbours: bool,
    csv: Path | None,
    label: str | None,
    seeds: int,
    heads: tuple[str, ...],
    json_file: Path | None,
) -> None:
    """Measure detection on a collection, by the files a device would run.

    Each recording or table is learnt from scratch by one recipe for all of the collection, exported to int8 and to
    float32, and scored by the device's runtime, rows in order. Labels are used for the figures alone; with --csv they
    also say where the first anomaly is, and the first half of the rows before it is learnt.

    \b
    Examples:
      saelite bench accuracy --skab SKAB/data --json skab.json
      saelite bench accuracy --adbench ADBench/datasets/Classical --seeds 3 --heads deep,t2x
      saelite bench accuracy --csv recordings --label anomaly
    """
    _check(skab, adbench, csv, label, heads)
    if fit_times and adbench is None:
        raise UsageError("--fit-times goes with --adbench DIR.")
    if neighbours and skab is None:
        raise UsageError("--neighbours goes with --skab DIR.")
    # As on a device, and so that runs beside each other do not take turns on every core.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    require_workstation("bench accuracy")
    with step_progress() as on_step:
        if fit_times and adbench is not None:
            from benchmarks.accuracy import adbench as sets
            from benchmarks.accuracy import fit_speed, fits
            from benchmarks.json_file import write_json

            learnt = fit_speed.fits(sets.splits(adbench), on_step)
            click.echo(table(fits.table(learnt), header=True))
            if json_file is not None:
                write_json(json_file, learnt)
            return
        if neighbours and skab is not None:
            found = _neighbours(skab, range(seeds), on_step)
        else:
            found = _measure(skab, adbench, csv, label, range(seeds), heads, on_step)
    for number, (title, rows) in enumerate(found.tables):
        click.echo(("\n" if number else "") + (f"{title}\n" if title else "") + table(rows, header=True))
    if found.note:
        click.echo(f"\n{found.note}")
    if json_file is not None:
        found.write(json_file)


def _check(
    skab: Path | None, adbench: Path | None, csv: Path | None, label: str | None, heads: tuple[str, ...]
) -> None:
    if sum(folder is not None for folder in (skab, adbench, csv)) != 1:
        raise UsageError("name one collection: --skab DIR, --adbench DIR, or --csv DIR with --label COLUMN.")
    if (csv is None) != (label is None):
        raise UsageError(
            "--csv DIR and --label COLUMN belong together: without labels there is nothing to compare with."
        )
    unknown = [head for head in heads if head not in PARTS]
    if unknown:
        raise UsageError(f"--heads: expected some of {', '.join(PARTS)}. Received: {', '.join(unknown)}")


def _neighbours(folder: Path, seeds: range, on_step: Callable[[str], None]) -> Accuracy:
    from benchmarks.accuracy import neighbours, skab

    return skab.accuracy(neighbours.outcomes(skab.recordings(folder), seeds, on_step))


def _measure(
    skab: Path | None,
    adbench: Path | None,
    csv: Path | None,
    label: str | None,
    seeds: range,
    heads: tuple[str, ...],
    on_step: Callable[[str], None],
) -> Accuracy:
    if skab is not None:
        from benchmarks.accuracy import skab as protocol

        return protocol.accuracy(protocol.outcomes(protocol.recordings(skab), seeds, on_step))
    if adbench is not None:
        from benchmarks.accuracy import adbench as sets

        return sets.accuracy(sets.figures(sets.splits(adbench), seeds, heads or sets.HEADS, on_step))
    from benchmarks.accuracy import csv_folder

    found = csv_folder.recordings(csv or Path(), label or "")
    return csv_folder.accuracy(csv_folder.figures(found, seeds, on_step))
