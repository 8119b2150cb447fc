"""Live through a month at one reading per second, and print how large a history gets and how far back it goes.

    PYTHONPATH=.:tests/support python tests/endurance/history_month.py [DAYS [SENSORS]]

Time is simulated; commits come every hour of it, with the seconds of its last quarter. Every six hours there is an
alarm of a minute.
"""

import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
from histories import MovedClocks, alarm_block, info

from edge_runtime.history.buckets import STEPS
from edge_runtime.history.history import History
from edge_runtime.history.history_sink import HistorySink
from edge_runtime.history.keep import DAY_S, Keep
from edge_runtime.history.schema import bucket_table

STEP, PAUSE = 3600, 21_600


def size_of(path):
    """Return the size of a history with its log, in bytes."""
    return sum(found.stat().st_size for found in path.parent.glob(f"{path.name}*") if not found.name.endswith("-shm"))


def live(path, days, sensors, keep):
    """Record so many days; return the largest size, and the mean time for a reading in seconds."""
    clocks, largest, started_s = MovedClocks(), 0, time.perf_counter()
    history = History.open(path, keep, clocks=clocks.clocks)
    sink = HistorySink(history, info(sensors))
    rng, seconds = np.random.default_rng(0), int(days * DAY_S)
    for first in range(0, seconds, STEP):
        results = alarm_block(first, STEP, first - first % PAUSE + 100, first - first % PAUSE + 160, sensors)
        results.values[:] = rng.normal(size=results.values.shape)
        clocks.move(STEP)
        sink.write(results)
        largest = max(largest, size_of(path))
    sink.close()
    history.close()
    return largest, (time.perf_counter() - started_s) / seconds


def spans_of(path):
    """Return how many days back each kind of rows goes."""
    times = {bucket_table(step): "start_s" for step in STEPS} | {"excerpt": "time_s", "around": "time_s"}
    with closing(sqlite3.connect(path)) as connection:
        found = {
            table: connection.execute(f"SELECT COUNT(*), MAX({time_s}) - MIN({time_s}) FROM {table}").fetchone()  # noqa: S608
            for table, time_s in {**times, "alarm": "started_s"}.items()
        }
    return {table: f"{count} rows, {span_s / DAY_S:.1f} days" for table, (count, span_s) in found.items()}


def main(days, sensor_counts):
    """Live through a month with each number of sensors, and print."""
    keep = Keep()
    for sensors in sensor_counts:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "site.db"
            largest, seconds = live(path, days, sensors, keep)
            print(f"{sensors} sensors, {days} days: at most {largest / 1e6:.1f} MB, {1e6 * seconds:.0f} µs a reading")
            for what, text in spans_of(path).items():
                print(f"  {what}: {text}")
            if largest > keep.max_bytes:
                sys.exit(1)


if __name__ == "__main__":
    words = sys.argv[1:]
    main(int(words[0]) if words else 30, [int(words[1])] if len(words) > 1 else [8, 200])
