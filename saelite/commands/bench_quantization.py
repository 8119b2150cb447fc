"""``saelite bench quantization``."""

from __future__ import annotations

from pathlib import Path

import click

from saelite.progress import step_progress
from saelite.tables import table
from saelite.workstation import require_workstation


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with public sets: skab/valve1/*.csv and adbench/*.npz.  [default: the bundled recording alone]",
)
@click.option("--epochs", default=60, show_default=True, type=click.IntRange(1), help="At most so many.")
def quantization(data: Path | None, epochs: int) -> None:
    """Measure what quantisation costs: ROC-AUC and alarms of int8 files against float32 files.

    \b
    Example:
      saelite bench quantization --data ../shared/data
    """
    require_workstation("bench quantization")
    from benchmarks.quantization_loss import measure

    with step_progress() as on_step:
        losses = list(measure(data, epochs, on_step))
    rows = [
        (one.name, str(one.n_windows), f"{one.auc_float32:.4f}", f"{one.auc_int8:.4f}", f"{one.loss:.4f}",
         f"{one.alarm_agreement:.2%}")
        for one in losses
    ]  # fmt: skip
    click.echo(table([("set", "windows", "AUC float32", "AUC int8", "loss", "alarms agree"), *rows], header=True))
    values = [one.loss for one in losses]
    windows = sum(one.n_windows for one in losses)
    agreement = sum(one.alarm_agreement * one.n_windows for one in losses) / windows
    click.echo(
        f"\nmean loss {sum(values) / len(values):.4f}, worst {max(values):.4f}; "
        f"alarms agree on {agreement:.2%} of {windows} windows"
    )
