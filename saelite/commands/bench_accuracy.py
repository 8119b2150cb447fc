"""``saelite bench accuracy``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from edge_runtime.errors import UsageError
from edge_runtime.heads import PARTS
from saelite.options import NamesType
from saelite.progress import step_progress
from saelite.tables import table
from saelite.workstation import require_workstation


@click.command()
@click.option("--skab", type=click.Path(path_type=Path), metavar="DIR", help="Folder of SKAB's CSV files.")
@click.option("--adbench", type=click.Path(path_type=Path), metavar="DIR", help="Folder of ADBench's .npz files.")
@click.option("--fit-times", is_flag=True, help="Time the fits on --adbench beside PyOD's autoencoder instead.")
@click.option("--csv", type=click.Path(path_type=Path), metavar="DIR", help="Folder of labelled CSV recordings.")
@click.option("--label", metavar="COLUMN", help="Column of --csv that says whether a row is anomalous.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="Trainings of each, seeds 0, 1, …")
@click.option("--heads", type=NamesType(), default=(), help="Heads to try on --adbench.  [default: all]")
def accuracy(
    skab: Path | None,
    adbench: Path | None,
    fit_times: bool,
    csv: Path | None,
    label: str | None,
    seeds: int,
    heads: tuple[str, ...],
) -> None:
    """Measure detection on a collection, by the files a device would run.

    Each recording or table is learnt from scratch by one recipe for all of the collection, exported to int8 and to
    float32, and scored by the device's runtime, rows in order. Labels are used for the figures alone.

    \b
    Examples:
      saelite bench accuracy --skab SKAB/data
      saelite bench accuracy --adbench ADBench/datasets/Classical --seeds 3 --heads deep,t2x
      saelite bench accuracy --csv recordings --label anomaly
    """
    if sum(folder is not None for folder in (skab, adbench, csv)) != 1:
        raise UsageError("name one collection: --skab DIR, --adbench DIR, or --csv DIR with --label COLUMN.")
    unknown = [head for head in heads if head not in PARTS]
    if unknown:
        raise UsageError(f"--heads: expected some of {', '.join(PARTS)}. Received: {', '.join(unknown)}")
    # As on a device, and so that runs beside each other do not take turns on every core.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    require_workstation("bench accuracy")
    with step_progress() as on_step:
        if skab is not None:
            from benchmarks.accuracy import skab as protocol

            rows = protocol.table(protocol.outcomes(protocol.recordings(skab), range(seeds), on_step))
        elif adbench is not None and fit_times:
            from benchmarks.accuracy import adbench as sets
            from benchmarks.accuracy import fit_speed

            rows = fit_speed.table(fit_speed.fit_times(sets.splits(adbench), on_step))
        elif adbench is not None:
            from benchmarks.accuracy import adbench as sets

            rows = sets.table(sets.figures(sets.splits(adbench), range(seeds), heads or sets.HEADS, on_step))
        else:
            if csv is None or label is None:
                raise UsageError("--csv needs --label COLUMN: without labels there is nothing to compare with.")
            from benchmarks.accuracy import csv_folder

            rows = csv_folder.table(csv_folder.figures(csv_folder.recordings(csv, label), range(seeds), on_step))
    click.echo(table(rows, header=True))
