"""One contender in a process of its own, told over standard input when to run.

``python -m benchmarks.worker CONTENDER CORES STARTED_NS`` prints a line of JSON when it is ready, then one for
every line with a number of seconds it reads: the calls' durations of that round, summed up.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

_MAX_SAMPLES = 500_000
_SLICE_S, _LONGEST_WARM_UP_S = 0.1, 3.0
_STABLE = 0.03


def main(contender: str, cores: str, started_ns: str) -> None:
    """Build the contender, warm it up, and time rounds until standard input ends."""
    pin(cores)
    from benchmarks.contenders import BUILDERS, Contender
    from edge_runtime.json_codec import from_json

    told = from_json(Contender, json.loads(contender))
    call = BUILDERS[told.kind](told)
    call()
    cold_start_s = (time.monotonic_ns() - int(started_ns)) / 1e9
    serve(call, {"cold_start_s": cold_start_s})


def pin(cores: str) -> None:
    """Keep this process on some cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, json.loads(cores))


def serve(call: object, start: dict[str, object]) -> None:
    """Warm up, say what is known from the start, then time a round for every line read."""
    samples = np.zeros(_MAX_SAMPLES, np.int64)
    warm_up_s = warm_up(call, samples)
    say({**start, "warm_up_s": warm_up_s})
    for line in sys.stdin:
        count = time_calls(call, samples, float(line))
        say({"us": (np.percentile(samples[:count], range(101)) / 1e3).tolist(), "calls": count,
             "mean_us": float(samples[:count].mean() / 1e3), **memory()})  # fmt: skip


def say(answer: dict[str, object]) -> None:
    """Write one line of JSON."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def warm_up(call: object, samples: npt.NDArray[np.int64]) -> float:
    """Call until the median of a tenth of a second is that of the one before; return how long it took, in s."""
    started, before = time.monotonic(), np.inf
    while time.monotonic() - started < _LONGEST_WARM_UP_S:
        median = float(np.median(samples[: time_calls(call, samples, _SLICE_S)]))
        if abs(median - before) <= _STABLE * median:
            break
        before = median
    return time.monotonic() - started


def time_calls(call: object, samples: npt.NDArray[np.int64], seconds: float) -> int:
    """Fill `samples` with durations in ns until the time is over or it is full; return how many."""
    clock, limit = time.perf_counter_ns, len(samples)
    end = clock() + int(seconds * 1e9)
    for count in range(limit):
        before = clock()
        call()  # type: ignore[operator]
        after = clock()
        samples[count] = after - before
        if after > end:
            return count + 1
    return limit


def memory() -> dict[str, int]:
    """Return this process's resident memory now and at its highest, in bytes; nothing where Linux is not."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return {}
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return {name: int(fields[key].split()[0]) * 1024 for name, key in (("resident", "VmRSS"), ("peak", "VmHWM"))}


if __name__ == "__main__":
    main(*sys.argv[1:4])
