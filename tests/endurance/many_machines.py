"""What a plant costs: processor share, memory and threads of many machines in one process, at one reading a second.

    TMPDIR=/dev/shm PYTHONPATH=.:tests/support python tests/endurance/many_machines.py [MACHINES] [SECONDS]

Each machine has a model of eight sensors, a Python source, a state file and a file of alarms; the metrics of all are on
one port. Exit code 1 if a reading is lost or late by more than a second.
"""

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from broker import free_port
from streaming_machine import write_model

SOURCE = """
import itertools, time
from streaming_machine import rows_of

ROWS = rows_of(1000).tolist()

def readings():
    next_s = time.monotonic()
    for row in itertools.cycle(ROWS):
        yield row
        next_s += 1.0
        time.sleep(max(0.0, next_s - time.monotonic()))
"""
DEFAULTS = """
[defaults]
model = "m.tflite"
source = "mine:readings"
state = "{{machine}}.json"
sink = ["alarms:{{machine}}.jsonl", "prometheus:{port}"]

"""


def used(pid):
    """Return a process's CPU seconds, resident MB and threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return cpu_s, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6, int(fields[17])


def scored(port):
    """Return how many readings each machine has scored, from the metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = [line for line in answer.read().decode().splitlines() if "readings_scored_total{" in line]
    return [float(line.rpartition(" ")[2]) for line in lines]


def measured(machines, seconds):
    """Run a plant; return CPU share, MB and threads, and the fewest and most readings scored meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        write_model(folder / "m.tflite")
        (folder / "mine.py").write_text(SOURCE)
        tables = "".join(f"[machine.pump{number}]\n" for number in range(machines))
        (folder / "plant.toml").write_text(DEFAULTS.format(port=port) + tables)
        process = subprocess.Popen([sys.executable, "-m", "saelite", "run", "plant.toml"], cwd=folder)
        try:
            time.sleep(10 + machines / 10)
            (cpu_s, _, _), before, began_s = used(process.pid), scored(port), time.monotonic()
            time.sleep(seconds)
            share = (used(process.pid)[0] - cpu_s) / (time.monotonic() - began_s)
            gains = [after - earlier for after, earlier in zip(scored(port), before, strict=True)]
            return share, *used(process.pid)[1:], min(gains), max(gains), len(gains)
        finally:
            process.terminate()
            process.wait()


def main(machines, seconds):
    """Print the figures beside those of one machine; return the exit code."""
    _, one_mb, *_ = measured(1, 5)
    share, mb, threads, fewest, most, seen = measured(machines, seconds)
    print(f"{machines} machines at 1 Hz for {seconds} s: {share:.1%} of one core, {mb:.0f} MB, {threads} threads")
    further_mb = (mb - one_mb) / (machines - 1)
    print(f"each: {share / machines:.3%} of one core, {further_mb:.2f} MB beyond the first's {one_mb:.0f} MB")
    print(f"readings scored meanwhile: {fewest:.0f} to {most:.0f} by {seen} machines")
    return int(seen < machines or fewest < seconds - 1)


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in [*sys.argv[1:], *("100", "60")[len(sys.argv) - 1 :]])))
