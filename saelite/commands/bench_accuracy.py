"""``saelite bench accuracy``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_runtime.errors import UsageError
from saelite.console_tables import table
from saelite.options import seeds_option
from saelite.progress import step_progress
from saelite.workstation import require_workstation

if TYPE_CHECKING:
    from benchmarks.accuracy.accuracy_result import Accuracy

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.option("--skab", type=_FOLDER, metavar="DIR", help="Folder of SKAB's CSV files.")
@click.option("--adbench", type=_FOLDER, metavar="DIR", help="Folder of ADBench's .npz files.")
@click.option("--tep", type=_FOLDER, metavar="DIR", help="Folder of the Tennessee Eastman process's CSV files.")
@click.option("--nab", type=_FOLDER, metavar="DIR", help="Folder of NAB's CSV files with a column named anomaly.")
@click.option("--machines", is_flag=True, help="Use simulated machines; needs no files.")
@click.option("--csv", type=_FOLDER, metavar="DIR", help="Folder of labelled CSV recordings.")
@click.option("--label", metavar="COLUMN", help="Label column of the files in --csv: whether a row is anomalous.")
@seeds_option("trainings of each recording")
@click.option(
    "--fit-times", is_flag=True, help="Compare training time and ROC-AUC on --adbench with PyOD's autoencoder instead."
)
@click.option("--json", "json_file", type=_FOLDER, metavar="FILE", help="Also write the figures as JSON.")
def accuracy(
    skab: Path | None,
    adbench: Path | None,
    tep: Path | None,
    nab: Path | None,
    machines: bool,
    csv: Path | None,
    label: str | None,
    seeds: int,
    fit_times: bool,
    json_file: Path | None,
) -> None:
    """Measure detection on a collection, with the files a device would run.

    Each recording or table is learnt from scratch with the product's defaults, exported to int8 and to float32, and
    scored in order by the device's runtime. For comparison: the same network untrained, and Mahalanobis distance, PCA,
    k nearest neighbours and isolation forest with the same inputs, smoothing and limit rule. Labels are used only for
    the figures. With --csv they also locate the first anomaly; the first half of the rows before it is learnt.

    \b
    Examples:
      saelite bench accuracy --skab SKAB/data --json skab.json
      saelite bench accuracy --adbench ADBench/datasets/Classical --seeds 3
      saelite bench accuracy --tep TEP
      saelite bench accuracy --nab NAB/data
      saelite bench accuracy --machines --seeds 5
      saelite bench accuracy --csv recordings --label anomaly
    """
    folders = {"--skab": skab, "--adbench": adbench, "--tep": tep, "--nab": nab, "--csv": csv}
    _check({name for name, folder in folders.items() if folder is not None}, label, machines=machines)
    if fit_times and adbench is None:
        raise UsageError("--fit-times needs --adbench DIR.")
    # As on a device, and so that parallel runs do not compete for every core.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    require_workstation("bench accuracy")
    with step_progress() as on_step:
        if fit_times and adbench is not None:
            _fit_times(adbench, json_file, on_step)
            return
        found = _measure(folders, label, range(seeds), on_step)
    for number, (title, rows) in enumerate(found.tables):
        click.echo(("\n" if number else "") + (f"{title}\n" if title else "") + table(rows, header=True))
    click.echo(f"\n{found.learnt.note}")
    if json_file is not None:
        found.write(json_file)


def _check(named: set[str], label: str | None, *, machines: bool) -> None:
    if len(named) + machines != 1:
        raise UsageError(
            "name one collection: --skab DIR, --adbench DIR, --tep DIR, --nab DIR, --machines, or --csv DIR with "
            f"--label COLUMN. Received: {', '.join(sorted(named) + ['--machines'] * machines) or 'none'}"
        )
    if ("--csv" in named) != (label is not None):
        raise UsageError("--csv DIR and --label COLUMN need each other: without labels there is nothing to measure.")


def _fit_times(folder: Path, json_file: Path | None, on_step: Callable[[str], None]) -> None:
    from benchmarks.accuracy import adbench, fit_speed, fits
    from benchmarks.json_file import write_json

    learnt = fit_speed.fits(adbench.splits(folder), on_step)
    click.echo(table(fits.table(learnt), header=True))
    if json_file is not None:
        write_json(json_file, learnt)


def _measure(
    folders: dict[str, Path | None], label: str | None, seeds: range, on_step: Callable[[str], None]
) -> Accuracy:
    from benchmarks.accuracy import adbench, csv_folder, machines, nab, skab, tep

    if folder := folders["--skab"]:
        return skab.measure(skab.recordings(folder), seeds, on_step)
    if folder := folders["--adbench"]:
        return adbench.measure(adbench.splits(folder), seeds, on_step)
    if folder := folders["--tep"]:
        return tep.measure(tep.process(folder), seeds, on_step)
    if folder := folders["--nab"]:
        return nab.measure(nab.recordings(folder), seeds, on_step)
    if folder := folders["--csv"]:
        return csv_folder.measure(csv_folder.recordings(folder, label or ""), seeds, on_step)
    return machines.measure(seeds, on_step)
