"""``saelite record``."""

from __future__ import annotations

from pathlib import Path

import click

from saelite.options import DurationType


@click.command()
@click.option("--source", type=click.Choice(["host"]), default="host", show_default=True, help="What to sample.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="CSV to write; .gz compresses it.")
@click.option("--rate", default=4.0, show_default=True, help="Readings per second.")
@click.option("--duration", type=DurationType(), help="How long, such as 90s, 25m, 2h.  [default: until Ctrl-C]")
def record(source: str, output: Path, rate: float, duration: float | None) -> None:
    """Sample sensors into a recording.

    Rows are on the disk within a second; Ctrl-C ends the recording and keeps it.

    \b
    Example: watch this machine for 25 minutes of normal work
      saelite record --source host --duration 25m -o normal.csv
    """
    from edge_runtime.errors import UsageError
    from edge_runtime.sources.host import HostSource
    from edge_runtime.sources.recorder import record_to_csv

    if not 0.001 <= rate <= 1000:
        raise UsageError(f"--rate: expected between 0.001 and 1000 readings per second. Received: {rate}")
    rows = record_to_csv(HostSource(rate_hz=rate), output, duration_s=duration)
    click.echo(f"{rows} readings in {output}")
