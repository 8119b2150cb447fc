"""One contender in its own process, triggered over standard input.

``python -m benchmarks.worker CONTENDER CORES STARTED_NS`` prints a line of JSON when it is ready, then one for
every line of JSON it reads, ``{"seconds": …, "calls": …}``: how long each call of that round took.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from edge_runtime.arrays import IntArray

_MAX_SAMPLES = 500_000
_SLICE_S, _LONGEST_WARM_UP_S = 0.1, 3.0
_STABLE = 0.03
# The start of a round finds other processes' data in the caches.
_DISCARDED = 0.2
_LOOP, _LOOPS = range(2000), 5


def main(contender: str, cores: str, started_ns: str) -> None:
    """Build the contender, warm it up, and time rounds until standard input ends."""
    pin(cores)
    from benchmarks.contenders import BUILDERS, Contender
    from edge_runtime.model_file.json_codec import from_json

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
    say({**start, "warm_up_s": warm_up_s, **memory()})
    for line in sys.stdin:
        say(time_round(call, samples, **json.loads(line)))


def say(answer: dict[str, object]) -> None:
    """Write one line of JSON."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def warm_up(call: object, samples: IntArray) -> float:
    """Call until the median of a tenth of a second is that of the one before; return how long it took, in s."""
    started, before = time.monotonic(), np.inf
    while time.monotonic() - started < _LONGEST_WARM_UP_S:
        median = float(np.median(samples[: time_calls(call, samples, _SLICE_S)]))
        if abs(median - before) <= _STABLE * median:
            break
        before = median
    return time.monotonic() - started


def time_round(call: object, samples: IntArray, seconds: float, calls: int) -> dict[str, object]:
    """Return the durations of the calls of a round, and the core's pace at its ends."""
    time_calls(call, samples, _DISCARDED * seconds)
    before = pace_ns()
    count = time_calls(call, samples, seconds, calls)
    return {"pace_ns": max(before, pace_ns()), "ns": samples[:count].tolist()}


def time_calls(call: object, samples: IntArray, seconds: float, calls: int = 1) -> int:
    """Fill `samples` with durations in ns until time and calls are over or it is full; return how many.

    Each call is timed on its own, to give percentiles. The clock's own 40 to 80 ns are in every figure:
    two percent of the fastest call. Blocks of ten calls gave the same medians to one percent.
    """
    clock, limit = time.perf_counter_ns, len(samples)
    end = clock() + int(seconds * 1e9)
    for count in range(1, limit + 1):
        before = clock()
        call()  # type: ignore[operator]
        after = clock()
        samples[count - 1] = after - before
        if after > end and count >= calls:
            return count
    return limit


def pace_ns() -> float:
    """Return how long a loop over integers takes on this core now."""
    clock, found = time.perf_counter_ns, []
    for _ in range(_LOOPS):
        before = clock()
        sum(_LOOP)
        found.append(clock() - before)
    return statistics.median(found)


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
