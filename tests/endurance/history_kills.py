"""Kill `saelite run --history` with SIGKILL at random moments; its history must be sound and hold what was announced.

    PYTHONPATH=.:tests/support python tests/endurance/history_kills.py [KILLS [SEED]]

Readings come almost without a pause, with a fault every forty of them, into a history that soon is full: rows are
deleted and pages given back all the time. Some processes are killed before they have scored anything. Each resumes from
a state that is saved all the time, and announces again what the history may not have taken. After each kill
`PRAGMA integrity_check` must find nothing, and every alarm that standard output announced must be in the history, none
twice.
"""

import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from streaming_machine import EIGHT, rows_of, write_model

RUN_S = 100_000
# Scores that are not smoothed end an alarm as soon as its fault.
QUICK = {"window": 4, "smoothing_span": 1, "mean_rate": 0.0, "scale_rate": 0.0}
FAULT, PERIOD = 10, 40
KEEP = "30d,5MB"


class Kill(NamedTuple):
    """What was found after a kill."""

    announced: int
    missing: int
    twice: int
    problem: str
    size: int


def lines_of(start_s, rows):
    """Return readings as lines, one per second, with a fault every forty."""
    rows = rows.copy()
    rows[[number for number in range(len(rows)) if number % PERIOD < FAULT], 0] += 30
    return [
        f"{start_s + number}," + ",".join(f"{value:.6g}" for value in row) + "\n" for number, row in enumerate(rows)
    ]


def feed(process, lines):
    """Write readings until nobody takes them any more."""
    with suppress(OSError, ValueError):
        process.stdin.write((",".join(("time", *EIGHT)) + "\n").encode())
        for line in lines:
            process.stdin.write(line.encode())
            process.stdin.flush()
            time.sleep(0.0005)


def announced_in(output):
    """Return when the alarms started that standard output told of, in whole lines."""
    whole = [json.loads(line) for line in output.decode().split("\n")[:-1]]
    started = [record["time"] for record in whole if record.get("event") == "alarm_started"]
    return {datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() for text in started}


def kill_once(folder, lines, wait_s, *, early):
    """Start, kill `wait_s` after the first result, or after the start if `early`; return what is found then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "saelite", "run", "m.tflite", "--source", "-", "--history", "site.db",
         "--history-keep", KEEP, "--state", "s.json", "--state-interval", "0.01s"],
        cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    threading.Thread(target=feed, args=(process, lines), daemon=True).start()
    output = b"" if early else process.stdout.readline()
    timer = threading.Timer(wait_s, process.kill)
    timer.start()
    output += process.stdout.read()
    process.wait()
    timer.join()
    with suppress(OSError):
        process.stdin.close()
    process.stdout.close()
    return look_at(folder / "site.db", announced_in(output))


def look_at(path, announced):
    """Return what a killed process left."""
    if not path.exists():
        return Kill(len(announced), len(announced), 0, "", 0)
    size = sum(found.stat().st_size for found in path.parent.glob(f"{path.name}*") if not found.name.endswith("-shm"))
    with closing(sqlite3.connect(path)) as connection:
        problem = connection.execute("PRAGMA integrity_check").fetchone()[0]
        kept = [time_s for (time_s,) in connection.execute("SELECT started_s FROM alarm")]
    missing, twice = len(announced - set(kept)), len(kept) - len(set(kept))
    return Kill(len(announced), missing, twice, "" if problem == "ok" else problem, size)


def kills_of(count, seed=0):
    """Kill so often, and yield what is found each time."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder / "m.tflite", **QUICK)
        rows = rows_of(20_000)
        for number in range(count):
            early = rng.random() < 0.2
            yield kill_once(folder, lines_of(RUN_S * (number + 1), rows), rng.uniform(0, 2.0), early=early)


def main(count, seed):
    """Kill, and print."""
    kills = list(kills_of(count, seed))
    announced, missing = (sum(getattr(kill, name) for kill in kills) for name in ("announced", "missing"))
    twice = max(kill.twice for kill in kills)
    problems = [kill.problem for kill in kills if kill.problem]
    print(
        f"{count} kills: {announced} alarms announced, {missing} of them missing, at most {twice} twice in a history, "
        f"{len(problems)} histories damaged"
    )
    print(f"largest history with its log: {max(kill.size for kill in kills) / 1e6:.2f} MB ({KEEP})")
    for problem in problems:
        print(problem)
    sys.exit(bool(missing or twice or problems))


if __name__ == "__main__":
    main(*(int(word) for word in (sys.argv[1:] + ["200", "0"][len(sys.argv) - 1 :])))
