"""`saelite run` as a live process: lines in, scores out."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30


def start(*arguments, cwd, **options):
    """Start `saelite run` with pipes."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(cwd)])} | options.pop("env", {})
    return subprocess.Popen(
        [sys.executable, "-m", "saelite", "run", *map(str, arguments)],
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        bufsize=0,
        **options,
    )


def line(row):
    return (",".join(f"{value:.9g}" for value in row) + "\n").encode()


def timed_line(second, row):
    """Return a line with a time of its own: a pause in the test is then no gap in the readings."""
    return f"{second},".encode() + line(row)


def until(condition):
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def next_score(process):
    """Return the score of the next result, passing over events."""
    while "event" in (record := json.loads(process.stdout.readline())):
        pass
    return record["score"]
