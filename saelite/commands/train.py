"""``saelite train``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.common.counted import counted
from edge_runtime.errors import UsageError
from edge_runtime.inference.heads import PARTS
from saelite.options import RATE, NamesType, label_option, on_missing_option, only_when_option, rows_option
from saelite.plain import plain
from saelite.profile_tables import profile_tables
from saelite.progress import curves, training_progress
from saelite.workstation import require_workstation

if TYPE_CHECKING:
    from edge_runtime.tables.row_range import RowRange
    from training.pipeline import DetectorSettings, TrainedRun
    from training.recordings import Recording
    from training.trainer import Epoch


_REPAIRS = {"hold": "last value repeated", "interpolate": "drawn on a line"}
_TRAINING = ("epochs", "batch_size", "learning_rate", "weight_decay", "seed")


@click.command()
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Run folder to write.")
@rows_option("Readings to learn from; all of them should be normal.")
@click.option("--sensors", type=NamesType(), default=(), help="Columns to use.  [default: all that are sensors]")
@click.option("--exclude", type=NamesType(), default=(), help="Columns that are not sensors.")
@label_option
@on_missing_option
@only_when_option("Learn only from rows in which this holds, such as 'current > 2'; the model file follows it as well.")
@click.option(
    "--constant-policy",
    type=click.Choice(["drop", "error"]),
    default="drop",
    show_default=True,
    help="Sensors that never move in the training rows: leave out, or refuse.",
)
@click.option(
    "--duplicate-policy",
    type=click.Choice(["drop", "keep", "error"]),
    default="drop",
    show_default=True,
    help="Sensors with the very values of an earlier one.",
)
@click.option(
    "--drift-policy",
    type=click.Choice(["keep", "drop", "error"]),
    default="keep",
    show_default=True,
    help="Sensors that drift in the training rows: 50 * Var(means of 50 rows) / Var is 20 or more.",
)
@click.option(
    "--scaling",
    type=click.Choice(["standard", "robust"]),
    default="standard",
    show_default=True,
    help="Mean and standard deviation, or median and interquartile range.",
)
@click.option(
    "--features",
    type=NamesType(),
    help="What the network sees of each window: values, mean, std, min, max, slope, spectrum, logmel, or several. "
    "[default: mean and std of a series with rows enough, else values]",
)
@click.option("--bands", default=16, show_default=True, type=click.IntRange(1), help="Bands of each spectrum.")
@click.option(
    "--window", type=click.IntRange(1), help="Readings seen at once.  [default: 4 of a series with rows enough, else 1]"
)
@click.option("--stride", default=1, show_default=True, type=click.IntRange(1), help="Readings between two windows.")
@click.option(
    "--preset",
    type=click.Choice(["tiny", "small", "medium"]),
    help="Hidden layer and codes for 1,000, 10,000 or 100,000 multiply-accumulates; instead of --hidden and "
    "--code-size.",
)
@click.option("--code-size", default=32, show_default=True, type=click.IntRange(1), help="Units of the code layer.")
@click.option(
    "--hidden",
    default="128",
    show_default=True,
    metavar="UNITS",
    help="Layers before the codes, such as 128,64; '' for none.",
)
@click.option("--rho", default=0.05, show_default=True, help="Target mean activation of each code.")
@click.option("--alpha", default=0.02, show_default=True, help="Weight of the sparsity penalty.")
@click.option(
    "--penalty",
    type=click.Choice(["kl", "l1", "topk", "none"]),
    default="kl",
    show_default=True,
    help="What keeps codes sparse: mean activation drawn to --rho, mean size, or only the largest kept.",
)
@click.option("--code-activation", default="sigmoid", show_default=True, help="Of the codes; kl needs the sigmoid.")
@click.option("--momentum", default=0.0, show_default=True, help="Of the codes' mean activation from batch to batch.")
@click.option("--tied", is_flag=True, help="Decode with the encoder's weights, transposed.")
@click.option("--noise", default=0.0, show_default=True, help="Gaussian noise on the inputs in training, in scales.")
@click.option(
    "--head",
    type=click.Choice(["auto", *PARTS]),
    default="auto",
    show_default=True,
    help="What makes the score, see docs/training.md; auto lets export take the one that finds synthetic faults best.",
)
@click.option(
    "--smoothing-span",
    default=0,
    type=click.IntRange(0),
    help="Span of the scores' moving average; 1 for none.  [default: chosen on export]",
)
@click.option(
    "--mean-rate",
    type=RATE,
    metavar="SHARE",
    help="Fraction by which the input mean moves towards each quiet reading on the device; 0 for none. "
    "[default: chosen on export]",
)
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(1), help="Windows per step.")
@click.option("--learning-rate", default=4e-3, show_default=True, help="Of Adam.")
@click.option("--weight-decay", default=0.0, show_default=True, help="Of Adam, on kernels.")
@click.option("--epochs", type=click.IntRange(0), help="Maximum number of epochs.  [default: some 5,000 steps]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of weights and order.")
@click.option(
    "--max-windows",
    default=200_000,
    show_default=True,
    type=click.IntRange(2),
    help="Learn from so many at most, spread evenly over the time; the others are not used.",
)
@click.option("--resume", is_flag=True, help="Go on with a training that was killed; repeat its other options.")
@click.option("--tensorboard", type=click.Path(path_type=Path), metavar="DIR", help="Write curves for TensorBoard.")
@click.option("--profile", "show_profile", is_flag=True, help="Print the recording's quality, sensor by sensor.")
@click.option("--report", type=click.Path(path_type=Path), metavar="HTML", help="Write a report of the training.")
@click.option("--name", metavar="NAME", help="Of the model.  [default: by file and folder]")
@click.option("--overwrite", is_flag=True, help="Replace a run folder that is there already.")
def train(  # the options are listed above; here are those that are no settings of the detector
    recording: Path,
    output: Path,
    rows: RowRange,
    label: str | None,
    on_missing: str,
    only_when: str | None,
    name: str | None,
    overwrite: bool,
    resume: bool,
    tensorboard: Path | None,
    report: Path | None,
    show_profile: bool,
    **options: Any,
) -> None:
    """Learn what normal looks like from a recording: CSV, Parquet, NPY, NPZ, WAV, or a folder of these.

    What the recording is like decides on window and features. The last quarter of each file's rows is held out to stop
    the training in time. Head, smoothing and threshold are fitted on export, on all of them.

    \b
    Example: learn from the first 400 rows
      saelite train pump.csv --rows 0:400 -o runs/pump
    """
    columns = options.pop("sensors"), options.pop("exclude"), label
    require_workstation("train")
    from training.pipeline import check_output_folder, save_run
    from training.pipeline import train as train_detector
    from training.recordings import Columns, read_recording
    from training.recordings.nature import nature_of

    check_output_folder(output, overwrite=overwrite)
    normal = read_recording(recording, Columns(*columns), rows=rows, on_missing=on_missing, only_when=only_when or "")
    if name is not None:
        normal = replace(normal, name=_checked_name(name))
    settings = _settings(**options)
    _tell(normal, on_missing)
    checkpoint = output.with_name(f".{output.name}.checkpoint.npz")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if not resume:
        checkpoint.unlink(missing_ok=True)
    with (
        training_progress(settings.chosen_for(normal, nature_of(normal)).training.epochs) as show,
        curves(tensorboard) as draw,
    ):

        def on_epoch(epoch: Epoch) -> None:
            show(epoch)
            draw(epoch)

        run = train_detector(normal, settings, on_epoch, checkpoint)
    save_run(run, output, overwrite=overwrite)
    if report is not None:
        from benchmarks.report.html import write_report
        from benchmarks.training_report import training_report

        write_report(training_report(output), report)
    if show_profile:
        click.echo(plain(profile_tables(run.profile)))
    for line in run.lines():
        click.echo(plain(line), err=True)
    click.echo(plain(_summary(run, output)))


def _settings(
    hidden: str, mean_rate: float | None, features: tuple[str, ...] | None, **options: Any
) -> DetectorSettings:
    from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT
    from training.fit_preprocessing import PreprocessingSettings
    from training.pipeline import DetectorSettings
    from training.recordings.findings import SensorPolicy
    from training.trainer import TrainingSettings

    return DetectorSettings(
        hidden=_units(hidden),
        training=TrainingSettings(**{name: options.pop(name) for name in _TRAINING}),
        preprocessing=PreprocessingSettings(options.pop("scaling"), features or None, options.pop("bands")),
        mean_rate=CHOSEN_ON_EXPORT.mean_rate if mean_rate is None else mean_rate,
        sensor_policy=SensorPolicy(*(options.pop(f"{kind}_policy") for kind in ("constant", "duplicate", "drift"))),
        **options,
    )


def _checked_name(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise UsageError(f"--name: expected a name of printable characters. Received: {name!r}")
    return name.strip()


def _units(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdigit() and int(part) for part in parts):
        raise UsageError(f"--hidden: expected whole numbers above zero, such as 128,64. Received: {text!r}")
    return tuple(int(part) for part in parts)


def _tell(recording: Recording, on_missing: str) -> None:
    """Say on standard error what is not used, was repaired or looks wrong."""
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


def _summary(run: TrainedRun, output: Path) -> str:
    spec = run.folder.spec
    features = ", ".join(spec.preprocessing.features)
    text = (
        f"{output}: {len(spec.sensors)} sensors, window {spec.preprocessing.window} ({features}), "
        f"{len(run.folder.network.encoder[-1].bias)} codes"
    )
    if not run.history:
        return f"{text}; not trained"
    best = min(run.history, key=lambda epoch: epoch.validation_loss)
    return (
        f"{text}; best of {len(run.history)} epochs: validation loss {best.validation_loss:.4f}, "
        f"mean activation {best.mean_activation:.3f}"
    )
