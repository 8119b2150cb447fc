"""``saelite bench quantization``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from saelite.console_tables import table
from saelite.progress import step_progress
from saelite.workstation import require_workstation

if TYPE_CHECKING:
    from benchmarks.quantization_loss import Loss

_HEADINGS = ("set", "rows", "scheme", "ROC-AUC float32", "ROC-AUC", "loss", "alarms agree")


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with any of skab/*/*.csv, adbench/*.npz, tep/*.csv and nab/*/*.csv.  "
    "[default: the bundled recording alone]",
)
@click.option("--epochs", type=click.IntRange(0), help="Maximum number of epochs.  [default: as saelite train]")
def quantization(data: Path | None, epochs: int | None) -> None:
    """Measure what quantisation costs: compare the file that export chooses with a float32 file.

    Prints ROC-AUC and agreement of alarms for each set, trained and exported with the product's defaults. SKAB's
    recordings are pooled by folder; each of NAB's series is its own set.

    \b
    Example:
      saelite bench quantization --data ../shared/data
    """
    require_workstation("bench quantization")
    from benchmarks.quantization_loss import measure

    with step_progress() as on_step:
        losses = list(measure(data, epochs, on_step))
    click.echo(table([_HEADINGS, *map(_row, losses)], header=True))
    click.echo(f"\n{_summary(losses)}")


def _row(one: Loss) -> tuple[str, ...]:
    figures = ("" if value is None else f"{value:.4f}" for value in (one.auc_float32, one.auc, one.loss))
    return (one.name, str(one.n_rows), ", ".join(one.schemes), *figures, f"{one.alarm_agreement:.2%}")


def _summary(losses: list[Loss]) -> str:
    known = [one.loss for one in losses if one.loss is not None]
    rows = sum(one.n_rows for one in losses)
    agreement = sum(one.alarm_agreement * one.n_rows for one in losses) / rows
    loss = f"mean loss {sum(known) / len(known):.4f}, worst {max(known):.4f} of {len(known)} sets; " if known else ""
    return f"{loss}alarms agree on {agreement:.2%} of {rows} rows"
