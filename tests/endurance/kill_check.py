"""Kill `saelite run` with SIGKILL at random moments; its state must be readable and fresh each time.

    TMPDIR=/dev/shm PYTHONPATH=.:tests/support python tests/endurance/kill_check.py [KILLS]

Readings come without a pause. After each kill the state must be whole, and no older than the interval of 0.1 s. In
memory that is our part of it; on a disk (another TMPDIR) the disk's syncs are in it too, of which some take seconds.
"""

import random
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from streaming_machine import EIGHT, rows_of, write_model

from edge_runtime.streaming.state import read_state

INTERVAL_S = 0.1


def feed(process, lines):
    """Write readings until nobody takes them any more."""
    with suppress(OSError, ValueError):
        process.stdin.write((",".join(EIGHT) + "\n").encode())
        while True:
            for line in lines:
                process.stdin.write(line)
                process.stdin.flush()
                time.sleep(0.0005)


def kill_once(folder, lines, wait_s, interval_s):
    """Start, wait until there is a state of this run, kill after `wait_s`; return the state's age in seconds."""
    state = folder / "state.json"
    started_s = time.time()
    process = subprocess.Popen(
        [sys.executable, "-m", "saelite", "run", "m.tflite", "--source", "-", "--state", state.name,
         "--state-interval", f"{interval_s}s"],
        cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    feeder = threading.Thread(target=feed, args=(process, lines), daemon=True)
    feeder.start()
    while not state.exists() or read_state(state).saved_s < started_s:
        time.sleep(0.005)
    time.sleep(wait_s)
    process.kill()
    killed_s = time.time()
    process.wait()
    feeder.join()
    with suppress(OSError):
        process.stdin.close()
    return killed_s - read_state(state).saved_s


def ages_after_kills(kills, interval_s=INTERVAL_S, seed=0):
    """Return the age of the state at each of some kills, in seconds."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder / "m.tflite", window=4)
        lines = [(",".join(f"{value:.6g}" for value in row) + "\n").encode() for row in rows_of(5000)]
        return [kill_once(folder, lines, rng.uniform(0, 3 * interval_s), interval_s) for _ in range(kills)]


def main(kills):
    """Kill, and print."""
    ages = sorted(ages_after_kills(kills))
    too_old = sum(age > INTERVAL_S for age in ages)
    print(f"{kills} kills: the state was readable {len(ages)} times, older than the interval {too_old} times")
    print(f"age at the kill: median {ages[len(ages) // 2]:.3f} s, at most {ages[-1]:.3f} s (interval {INTERVAL_S} s)")
    sys.exit(too_old > 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
