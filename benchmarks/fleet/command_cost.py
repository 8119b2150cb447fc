"""CPU seconds that an asset takes by the commands: everything from their start to their end, in every process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from benchmarks.fleet.cost_result import CommandCost
from training.recordings import Recording

_SETTINGS = ("--window", "5", "--preset", "small")
_LOOP = "saelite train, saelite export"
_LOOPED = 4


def measure_commands(recordings: Sequence[Recording], many: Sequence[Recording]) -> tuple[CommandCost, ...]:
    """Measure the commands on recordings, and the default also on more of them.

    Parameters
    ----------
    recordings : sequence of Recording
        A few of them are enough for a command each.
    many : sequence of Recording
    """
    with tempfile.TemporaryDirectory() as place:
        few, more = (_as_files(part, Path(place) / name) for name, part in (("few", recordings), ("many", many)))
        return (
            _loop(sorted(few.iterdir())[:_LOOPED], Path(place)),
            *(_fleet(few, *options) for options in ((), ("--warm-start",), ("--no-warm-start",))),
            _fleet(more),
        )


def _as_files(recordings: Sequence[Recording], folder: Path) -> Path:
    folder.mkdir()
    for one in recordings:
        pl.DataFrame(dict(zip(one.sensors, one.values.T, strict=True))).write_csv(folder / f"{one.name}.csv")
    return folder


def _loop(files: Sequence[Path], place: Path) -> CommandCost:
    used_s = 0.0
    for file in files:
        run, model = place / f"{file.stem}.run", place / f"{file.stem}.tflite"
        used_s += _cpu_s("train", file, "-o", run, *_SETTINGS) + _cpu_s("export", run, "-o", model)
    return CommandCost(_LOOP, len(files), 1, used_s / len(files))


def _fleet(data: Path, *options: str) -> CommandCost:
    count = len(list(data.iterdir()))
    with tempfile.TemporaryDirectory() as place:
        used_s = _cpu_s("fleet", "train", data, "-o", Path(place) / "fleet", *_SETTINGS, *options)
    return CommandCost(" ".join(["saelite fleet train", *options]), count, os.cpu_count() or 1, used_s / count)


def _cpu_s(*arguments: str | Path) -> float:
    """Return the CPU seconds of a command and its processes, which have all ended."""
    before = _children_cpu_s()
    subprocess.run([sys.executable, "-m", "saelite", *map(str, arguments)], check=True, capture_output=True)
    return _children_cpu_s() - before


def _children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system
