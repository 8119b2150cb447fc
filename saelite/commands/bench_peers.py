"""``saelite bench peers``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from saelite.console_tables import table
from saelite.progress import step_progress
from saelite.workstation import require_workstation

if TYPE_CHECKING:
    from benchmarks.peers.peer_result import PeerBenchmark


@click.command()
@click.option("--recording", type=click.Path(path_type=Path), metavar="CSV",
              help="Labelled recording.  [default: the bundled one]")  # fmt: skip
@click.option("--normal-rows", default=2400, show_default=True, type=click.IntRange(100),
              help="Number of normal rows at the beginning, which are learnt; the rest is scored.")  # fmt: skip
@click.option("--quick", is_flag=True, help="Half a second per row; overrides the next three options.")
@click.option("--rounds", default=60, show_default=True, type=click.IntRange(1), help="Number of rounds, in turn.")
@click.option("--round-s", default=0.05, show_default=True, type=click.FloatRange(0.001), help="Seconds per round.")
@click.option(
    "--calls", default=1000, show_default=True, type=click.IntRange(0), help="Minimum number of calls per row."
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Also write the figures as JSON."
)
def peers(
    recording: Path | None, normal_rows: int, rounds: int, round_s: float, calls: int, json_file: Path | None, *,
    quick: bool,
) -> None:  # fmt: skip
    """Compare with other detectors and runtimes on the same windows and machine, with one thread each.

    ONNX Runtime and PyTorch run saelite's trained detector; the others learn for themselves. Detectors that are not
    installed are listed: pip install 'saelite[peers]'. One that fails says why; the others continue.

    \b
    Example:
      saelite bench peers --json peers.json
    """
    require_workstation("bench peers")
    from benchmarks.bundled import bundled_recording
    from benchmarks.peers.peer_comparison import compare_peers
    from benchmarks.rounds import QUICK_TURNS, Turns

    turns = QUICK_TURNS if quick else Turns(rounds, round_s, calls)
    with bundled_recording() as default, step_progress() as on_step:
        found = compare_peers(recording or default, normal_rows, turns, on_step)
    show_peers(found)
    if json_file is not None:
        found.write(json_file)


def show_peers(found: PeerBenchmark) -> None:
    """Print the table."""
    from benchmarks.peers.peer_result import peer_table

    click.echo(f"{found.recording}\n{found.machine.processor}, one thread, {found.machine.date}\n")
    figures = peer_table(found)
    click.echo(table([tuple(column.name for column in figures.columns), *figures.rows], header=True))
    if found.missing:
        click.echo(f"not installed: {'; '.join(found.missing)}. Add them with: pip install 'saelite[peers]'")
