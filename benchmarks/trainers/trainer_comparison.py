"""Our trainer beside Keras' `fit`, on the bundled recording and ADBench's sets: processor seconds and quality.

python -m benchmarks.trainers.trainer_comparison --adbench DIR --json FILE
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import click

from benchmarks.json_file import write_json
from benchmarks.this_machine import conditions, this_machine
from benchmarks.trainers.trainer_result import CONTENDERS, EXPORTED, FitFigure, TrainerComparison
from benchmarks.worker_process import Job, WorkerProcess


def compare_trainers(
    contenders: Sequence[str], adbench: Path | None, rounds: int, on_step: Callable[[str], None] = lambda _: None
) -> Iterator[TrainerComparison]:
    """Fit every recording by every contender, one process after the other, in rounds by turns.

    Parameters
    ----------
    contenders : sequence of str
        Some of `benchmarks.trainers.trainer_result.CONTENDERS`.
    adbench : Path, optional
        Folder of ADBench's .npz files; without it only the bundled recording is fitted.
    rounds : int
        Each has its own seed.

    Yields
    ------
    TrainerComparison
        All fits so far, after each process.
    """
    machine, load, found = this_machine(), conditions().load, []
    for seed in range(rounds):
        for contender in contenders:
            found += _fits(contender, adbench, seed, on_step)
            yield TrainerComparison(machine, load, tuple(found))


def _fits(contender: str, adbench: Path | None, seed: int, on_step: Callable[[str], None]) -> list[FitFigure]:
    folder = "" if adbench is None else str(adbench.resolve())
    # The export takes longer than the fit, and all modes of Keras' `fit` take the same steps.
    exported = seed == 0 and contender in EXPORTED
    found = []
    with WorkerProcess(Job(contender, "benchmarks.trainers.trainer_worker", (contender, folder))) as worker:
        names = list(enumerate(worker.start["names"]))
        # The first fit of a process pays for lazy loading, so its recording is fitted again at the end.
        for turn, (place, name) in enumerate([*names, names[0]]):
            on_step(f"round {seed + 1}, {contender}: {name}")
            answer = worker.ask(place=place, seed=seed, exported=exported)
            found.append(FitFigure(contender, name, seed, turn == 0, **answer))
    return found


@click.command()
@click.option("--adbench", type=click.Path(path_type=Path, exists=True), help="Folder of ADBench's .npz files.")
@click.option(
    "--contender",
    "contenders",
    multiple=True,
    type=click.Choice(CONTENDERS),
    help="One to measure; may be repeated.  [default: all]",
)
@click.option(
    "--rounds", default=3, show_default=True, type=click.IntRange(1), help="Fits of each recording, with seeds 0, 1, …"
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write JSON as well, after each process.")
def main(contenders: tuple[str, ...], adbench: Path | None, rounds: int, json_file: Path | None) -> None:
    """Compare our trainer with Keras' fit: processor seconds and quality."""
    for found in compare_trainers(contenders or CONTENDERS, adbench, rounds, partial(click.echo, err=True)):
        if json_file is not None:
            write_json(json_file, found)
    for rows in (found.cpu_table(), found.quality_table()):
        click.echo("\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n")


if __name__ == "__main__":
    main()
