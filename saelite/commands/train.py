"""``saelite train``."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_runtime.common.counted import counted
from saelite.chip_budget import sized_for
from saelite.chip_options import ChipOptions
from saelite.plain import plain
from saelite.profile_tables import profile_tables
from saelite.progress import curves, training_progress
from saelite.recordings import checked_name
from saelite.setting_options import settings_options
from saelite.workstation import require_workstation
from training.settings import DetectorSettings, Selection

if TYPE_CHECKING:
    from training.recordings import Recording
    from training.trained_run import TrainedRun
    from training.trainer import Epoch


_REPAIRS = {"hold": "last value repeated", "interpolate": "drawn on a line"}


@click.command()
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Run folder to write.")
@settings_options(Selection, "selection")
@settings_options(DetectorSettings, "settings")
@settings_options(ChipOptions, "chip")
@click.option("--resume", is_flag=True, help="Continue a training that was killed; repeat its other options.")
@click.option("--tensorboard", type=click.Path(path_type=Path), metavar="DIR", help="Write curves for TensorBoard.")
@click.option("--profile", "show_profile", is_flag=True, help="Print the recording's quality, sensor by sensor.")
@click.option("--report", type=click.Path(path_type=Path), metavar="HTML", help="Write a report of the training.")
@click.option("--name", metavar="NAME", help="Name of the model.  [default: from file and folder]")
@click.option("--overwrite", is_flag=True, help="Replace an existing run folder.")
def train(
    recording: Path,
    output: Path,
    selection: Selection,
    settings: DetectorSettings,
    chip: ChipOptions,
    name: str | None,
    overwrite: bool,
    resume: bool,
    tensorboard: Path | None,
    report: Path | None,
    show_profile: bool,
) -> None:
    """Learn what normal looks like from a recording: CSV, Parquet, NPY, NPZ, WAV, or a folder of these.

    Window and features are chosen from the recording. The last quarter of each file's rows is held out to decide when
    training stops. Export then fits head, smoothing and threshold on all rows.

    \b
    Example: learn from the first 400 rows
      saelite train pump.csv --rows 0:400 -o runs/pump
      saelite train pump.csv --max-flash 32k --max-ram 4k -o runs/pump
    """
    require_workstation("train")
    from training.run_folder import ChipBudget
    from training.several_devices import accelerators, built_in_accelerators, devices_text
    from training.trained_run import check_output_folder

    check_output_folder(output, overwrite=overwrite)
    normal = selection.read(recording)
    if name is not None:
        normal = replace(normal, name=checked_name(name))
    _tell(normal, selection.on_missing)
    budget = ChipBudget(chip.max_flash, chip.max_ram)
    if any(budget):
        settings, costs = sized_for(budget, normal, settings)
        click.echo(f"layers {settings.hidden} and {settings.code_size} codes for the chip; by head:\n{costs}")
    if text := devices_text(accelerators(), os.environ.get("CUDA_VISIBLE_DEVICES"), built_in_accelerators()):
        click.echo(text, err=True)
    run = _trained(normal, settings, _checkpoint(output, resume=resume), tensorboard).for_chip(budget)
    run.save(output, overwrite=overwrite)
    if report is not None:
        _report(output, report)
    if show_profile:
        click.echo(plain(profile_tables(run.profile)))
    for line in run.lines():
        click.echo(plain(line), err=True)
    click.echo(plain(f"{output}: {run.summary}"))


def _checkpoint(output: Path, *, resume: bool) -> Path:
    checkpoint = output.with_name(f".{output.name}.checkpoint.npz")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if not resume:
        checkpoint.unlink(missing_ok=True)
    return checkpoint


def _trained(normal: Recording, settings: DetectorSettings, checkpoint: Path, tensorboard: Path | None) -> TrainedRun:
    from training.pipeline import train as train_detector
    from training.recordings.nature import nature_of

    epochs = settings.chosen_for(normal, nature_of(normal)).epochs
    with training_progress(epochs) as show, curves(tensorboard) as draw:

        def on_epoch(epoch: Epoch) -> None:
            show(epoch)
            draw(epoch)

        return train_detector(normal, settings, on_epoch, checkpoint)


def _report(run: Path, page: Path) -> None:
    from benchmarks.report.html import write_report
    from benchmarks.training_report import training_report

    write_report(training_report(run), page)


def _tell(recording: Recording, on_missing: str) -> None:
    """Report on standard error what is not used, was repaired or looks wrong."""
    if recording.kept_out:
        click.echo(plain(f"not used: {', '.join(recording.kept_out)}"), err=True)
    if recording.off:
        click.echo(plain(f"{counted(recording.off, 'row')} not used, outside {recording.only_when}"), err=True)
    if recording.skipped:
        click.echo(f"missing values in {counted(recording.skipped, 'row')}: left out", err=True)
    if recording.repaired:
        click.echo(f"missing values in {counted(recording.repaired, 'row')}: {_REPAIRS[on_missing]}", err=True)
    for note in recording.notes:
        click.echo(plain(note), err=True)
    rows, anomalous = len(recording.values), 0 if recording.labels is None else int(recording.labels.sum())
    if anomalous:
        click.echo(
            f"warning: {anomalous} of {rows} rows are labelled anomalous and are learnt as normal. "
            "Choose normal rows with --rows.",
            err=True,
        )
