"""How fast a long history is scored, Parquet to Parquet, and in how much memory.

python tests/endurance/score_rate.py 3000000 [--explain]

Eight sensors, windows of five readings, one asset, one process in the environment of a fleet's worker. The model is
trained with the defaults on a machine that does not drift, and scored as it is, and once more with mean and scale
tracking.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from saelite.fleet.executors.child_process import worker_environment

_SENSORS = 8
_NORMAL_ROWS = 20_000
_SPEED = 0.05
_FAULT_EVERY, _FAULT_ROWS = 100_000, 60
_WAYS = {
    "as trained": (),
    "without tracking": ("--mean-rate", "0", "--scale-rate", "0"),
    "with tracking": ("--mean-rate", "0.01", "--scale-rate", "0.0001"),
}


def main():
    rows, options = int(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        machine(_NORMAL_ROWS, 1).write_parquet(folder / "normal.parquet")
        history(rows, folder / "history.parquet")
        saelite("train", folder / "normal.parquet", "-o", folder / "run", "--window", "5", "--epochs", "10")
        saelite("export", folder / "run", "-o", folder / "model.tflite")
        for name, more in _WAYS.items():
            measure(folder, name, [*more, *options])


def machine(n, seed, first=0):
    """Return readings of three hidden causes that come and go within seconds."""
    rng = np.random.default_rng(seed)
    kicks = rng.normal(size=(n, 3)) * np.sqrt(2 * _SPEED)
    causes = np.empty((n, 3))
    causes[0] = kicks[0]
    for row in range(1, n):
        causes[row] = (1 - _SPEED) * causes[row - 1] + kicks[row]
    mixing = np.random.default_rng(0).normal(size=(3, _SENSORS))
    values = (20 + 3 * np.tanh(causes) @ mixing + 0.3 * rng.normal(size=(n, _SENSORS))).astype(np.float32)
    times = np.datetime64("2026-01-01T00:00:00", "us") + (first + np.arange(n)) * np.timedelta64(1, "s")
    return pl.DataFrame({"time": times, **{f"sensor{number}": values[:, number] for number in range(_SENSORS)}})


def history(rows, path):
    """Write a history, the same stretch again and again with a fault in each."""
    stretch = machine(_FAULT_EVERY, 2)
    faulty = stretch["sensor3"].to_numpy().copy()
    faulty[-_FAULT_ROWS:] += 12
    stretch = stretch.with_columns(pl.Series("sensor3", faulty))
    parts = [
        stretch.with_columns(pl.col("time") + pl.duration(seconds=first))[: rows - first]
        for first in range(0, rows, _FAULT_EVERY)
    ]
    pl.concat(parts).write_parquet(path)


def measure(folder, name, options):
    output = folder / name
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak_mb = saelite("score", folder / "model.tflite", folder / "history.parquet", "-o", output, "--format", "parquet",
                      "--workers", "0", *options)  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    (found,) = pl.read_parquet(output / "summary.parquet").to_dicts()
    print(json.dumps({
        "model": name,
        "rows": found["rows"],
        "alarms": found["alarms"],
        "million rows a core second": round(found["rows"] / found["cpu_s"] / 1e6, 2),
        "CPU s with start": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
        "peak MB": round(peak_mb),
    }))  # fmt: skip


def saelite(*command):
    """Run a command on one core, and return the most memory it had, in MB."""
    process = subprocess.Popen(
        [sys.executable, "-m", "saelite", *map(str, command)], env=worker_environment(), stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"saelite {command[0]} failed")
    return usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
