"""CPU seconds and memory that an asset takes from recording to checked file: in one process, and by the commands.

python -m benchmarks.fleet.asset_cost --assets 16 --many 100 --json docs/benchmarks/fleet_cost.json
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click

from benchmarks.fleet.command_cost import measure_commands
from benchmarks.fleet.cost_result import Cost, Costs
from benchmarks.fleet.members import LEARNT_ROWS
from benchmarks.json_file import write_json
from benchmarks.simulator import MachineSettings, simulate
from export.export_run import ExportSettings, export_run
from export.worker_process import close_workers
from training.common_fit import fit_common_model
from training.pipeline import train, train_many
from training.recordings import Recording
from training.settings import DetectorSettings
from training.trained_run import TrainedRun

SETTINGS = DetectorSettings(window=5, preset="small")
_TOGETHER, _SAMPLE = 32, 16
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
Runs = Iterable[TrainedRun | Exception]


def _one_by_one(recordings: Sequence[Recording]) -> Runs:
    return (train(one, SETTINGS) for one in recordings)


def _together(recordings: Sequence[Recording]) -> Runs:
    starts = range(0, len(recordings), _TOGETHER)
    return (run for start in starts for run in train_many(recordings[start : start + _TOGETHER], SETTINGS))


def _warm(recordings: Sequence[Recording]) -> Runs:
    common = fit_common_model(recordings[:_SAMPLE], SETTINGS)
    starts = range(0, len(recordings), _TOGETHER)
    return (run for start in starts for run in train_many(recordings[start : start + _TOGETHER], SETTINGS, common))


WAYS: dict[str, Callable[[Sequence[Recording]], Runs]] = {
    "one by one": _one_by_one,
    "together": _together,
    "together, from the common model": _warm,
}


def measure(way: str, recordings: Sequence[Recording]) -> Cost:
    """Learn and export recordings in one way."""
    started, before, memory = _cpu_s(), time.process_time(), []
    runs = iter(WAYS[way](recordings))
    fit_s = time.process_time() - before
    with tempfile.TemporaryDirectory() as path:
        for number in range(len(recordings)):
            before = time.process_time()
            run = next(runs)
            fit_s += time.process_time() - before
            if isinstance(run, Exception):
                raise run
            export_run(run.folder, ExportSettings()).write(Path(path) / "model.tflite")
            if (number + 1) % max(1, len(recordings) // 4) == 0:
                memory.append(_resident_mb())
    total = _cpu_s() - started
    return Cost(way, len(recordings), fit_s / len(recordings), (total - fit_s) / len(recordings), tuple(memory))


def _cpu_s() -> float:
    """Return the CPU seconds of this process, and of its workers, which it ends so that theirs are known."""
    close_workers()
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES / 1e6


@click.command()
@click.option("--assets", default=_TOGETHER, show_default=True)
@click.option("--many", default=100, show_default=True, help="Assets of the command that is measured on many.")
@click.option("--rows", default=LEARNT_ROWS, show_default=True, help="Readings of each.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Where to write the figures.")
def main(assets: int, many: int, rows: int, path: Path | None) -> None:
    """Measure every way of learning simulated machines of 8 sensors."""
    machines = (simulate(MachineSettings(rows=rows, sensors=8), seed) for seed in range(max(assets, many)))
    more = [one.recording(f"asset{number}") for number, one in enumerate(machines)]
    recordings = more[:assets]
    measure("one by one", recordings[:1])
    ways = tuple(measure(way, recordings) for way in WAYS)
    found = Costs(ways, measure_commands(recordings, more[:many]))
    for row in (*found.rows(), *found.command_rows()):
        click.echo(" | ".join(row))
    if path is not None:
        write_json(path, found)


if __name__ == "__main__":
    main()
