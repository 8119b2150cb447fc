"""``saelite bench latency``, or without the name."""

from __future__ import annotations

from pathlib import Path

import click

from saelite.tables import size, table


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--full", type=click.Path(path_type=Path), metavar="RUN", help="Run folder of the full model to compare.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Rounds in turn.")
@click.option("--round-s", default=0.5, show_default=True, type=click.FloatRange(0.01), help="Seconds per round.")
def latency(model: Path, full: Path | None, rounds: int, round_s: float) -> None:
    """Measure latency on this machine, beside the full Keras model where there is one.

    Each row is measured in a process of its own, with one thread, in rounds by turns; the figures are medians over
    the rounds.

    \b
    Example:
      saelite bench latency pump.tflite --full runs/pump
    """
    from benchmarks.latency import measure
    from edge_runtime.model_file import read_model_file
    from edge_runtime.run_folder import KERAS_FILE, read_run_folder

    file = read_model_file(model)
    if full is not None:
        read_run_folder(full)
        from saelite.workstation import require_workstation

        require_workstation("bench --full")
    rows = measure(model, full, rounds=rounds, round_s=round_s)
    baseline = rows[0].p50_us
    cells = [
        (row.contender.title, *(f"{value:.1f}" for value in (row.p50_us, row.p90_us, row.p99_us, row.mean_us)),
         f"{row.p50_us / baseline:.0f} x", str(row.calls), row.contender.note)
        for row in rows
    ]  # fmt: skip
    click.echo(table([("what", "p50 us", "p90 us", "p99 us", "mean us", "ratio", "calls", "one call"), *cells],
                     header=True))  # fmt: skip
    click.echo(f"model file {size(len(file.to_bytes()))}")
    if full is not None:
        click.echo(f"full model {size((full / KERAS_FILE).stat().st_size)}")
