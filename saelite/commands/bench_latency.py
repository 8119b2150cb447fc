"""``saelite bench latency``, or without the name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from saelite.console_tables import table
from saelite.progress import step_progress

if TYPE_CHECKING:
    from benchmarks.benchmark_result import Benchmark

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=_FILE)
@click.option("--full", type=_FILE, metavar="RUN", help="Run folder of the full model to compare with.")
@click.option(
    "--quick", is_flag=True, help="Half a second per row and no throughput; overrides the next three options."
)
@click.option("--rounds", default=60, show_default=True, type=click.IntRange(1), help="Number of rounds, in turn.")
@click.option("--round-s", default=0.05, show_default=True, type=click.FloatRange(0.001), help="Seconds per round.")
@click.option(
    "--calls", default=1000, show_default=True, type=click.IntRange(0), help="Minimum number of calls per row."
)
@click.option(
    "--accelerator",
    "accelerators",
    multiple=True,
    metavar="NAME",
    help="Also measure the detector on this accelerator, named as in saelite run; repeatable. Connected Edge TPUs "
    "are always measured.",
)
@click.option("--throughput/--no-throughput", default=True, help="Also measure batch sizes and thread counts.")
@click.option("--json", "json_file", type=_FILE, metavar="FILE", help="Write all figures as JSON.")
@click.option("--plot", type=_FILE, metavar="FILE", help="Write a plot (.png or .svg).")
@click.option("--compare", type=_FILE, metavar="FILE", help="Report what became slower since this JSON was written.")
@click.option("--import-full", type=_FILE, metavar="FILE", help="Also show the figures in another machine's JSON.")
def latency(
    model: Path, full: Path | None, rounds: int, round_s: float, calls: int, accelerators: tuple[str, ...],
    *, quick: bool, throughput: bool, json_file: Path | None, plot: Path | None, compare: Path | None,
    import_full: Path | None,
) -> None:  # fmt: skip
    """Measure latency, throughput, memory and start-up time on this machine, beside the full model if there is one.

    Each row runs in its own process, pinned to one core and warmed up until its times are stable; rows take turns in
    rounds. A fixed loop of integer operations shows when the core itself was slow; such rounds do not count. Delays
    caused by other processes stay in the figures. A row that cannot be measured says why; the others continue. The exit
    code is 1 only if the model runs nowhere. On a device without tensorflow, leave out --full.

    \b
    Example:
      saelite bench latency pump.tflite --full runs/pump --json bench.json
      saelite bench latency pump.tflite --full runs/pump --quick
      saelite bench latency pump.tflite --import-full bench.json
    """
    from dataclasses import replace

    from benchmarks.benchmark_result import read_benchmark
    from benchmarks.report.benchmark_plot import check_plot, write_plot
    from benchmarks.rounds import Turns
    from benchmarks.suite import QUICK, Effort, run_benchmark
    from edge_runtime.inference.accelerators import parse_accelerator
    from training.run_folder import read_run_folder

    if plot is not None:
        check_plot(plot)
    for name in accelerators:
        parse_accelerator(name)
    thorough = Effort(Turns(rounds, round_s, calls), throughput=throughput)
    effort = replace(QUICK if quick else thorough, accelerators=accelerators)
    old = read_benchmark(compare) if compare else None
    imported = read_benchmark(import_full) if import_full else None
    if full is not None:
        read_run_folder(full)
        from saelite.workstation import require_workstation

        require_workstation("bench --full")
    with step_progress() as on_step:
        benchmark = run_benchmark(model, full, effort, on_step)
    if imported is not None:
        benchmark = replace(benchmark, imported=(imported,))
    show(benchmark)
    if full is None:
        click.echo("\nTo compare with the full model, add --full RUN on a workstation; which needs tensorflow.")
    if imported is not None:
        _show_imported(benchmark, imported)
    if old is not None:
        _show_changes(old, benchmark)
    if json_file is not None:
        benchmark.write(json_file)
    if plot is not None:
        write_plot(benchmark, plot)


def show(benchmark: Benchmark) -> None:
    """Print every table."""
    from benchmarks.report.benchmark_tables import all_tables

    for number, figures in enumerate(all_tables(benchmark)):
        click.echo(("\n" if number else "") + figures.title)
        if any(column.is_number for column in figures.columns):
            click.echo(table([tuple(column.name for column in figures.columns), *figures.rows], header=True))
        else:
            click.echo("\n".join(f"{name:14}{value}" for name, value in figures.rows))


def _show_imported(here: Benchmark, there: Benchmark) -> None:
    is_same = here.machine.identity == there.machine.identity
    click.echo(f"\nFrom {'a machine of the same kind' if is_same else 'ANOTHER MACHINE'}, {there.machine.processor}, "
               f"{there.machine.date}:")  # fmt: skip
    if not is_same:
        click.echo("do not compare its times with those above; its ratios are relative to its own detector.")
    show(there)


def _show_changes(old: Benchmark, new: Benchmark) -> None:
    from benchmarks.run_comparison import changes

    found = changes(old, new)
    if not found:
        click.echo("\nThe two benchmarks have no rows in common.")
        return
    cells = [(it.title, f"{it.before:.3g}", f"{it.after:.3g}", f"{it.ratio:.2f}", it.verdict) for it in found]
    click.echo(f"\nSince {old.machine.date}, in multiples of the yardstick's time")
    click.echo(table([("what", "before", "now", "ratio", "verdict"), *cells], header=True))
    if old.machine.identity != new.machine.identity:
        click.echo("The old figures come from another machine: only large changes are significant.")
