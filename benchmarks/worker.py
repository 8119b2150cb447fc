"""One contender in a process of its own, told over standard input when to run.

``python -m benchmarks.worker KEY MODEL RUN`` prints a JSON line when it is ready, then one for every line
with a number of seconds it reads: the calls' durations of that round, summed up.
"""

from __future__ import annotations

import json
import os
import sys
import time

import numpy as np
import numpy.typing as npt

_MAX_SAMPLES = 200_000
_WARM_UP_S = 0.3


def main(key: str, model: str, run: str) -> None:
    """Build the contender, warm it up, and time rounds until standard input ends."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    from benchmarks.contenders import CONTENDERS

    call = CONTENDERS[key].build(model, run)
    samples = np.zeros(_MAX_SAMPLES, np.int64)
    time_calls(call, samples, _WARM_UP_S)
    print(json.dumps({"ready": key}), flush=True)
    for line in sys.stdin:
        count = time_calls(call, samples, float(line))
        print(json.dumps({"us": (np.percentile(samples[:count], range(101)) / 1e3).tolist(), "calls": count,
                          "mean_us": float(samples[:count].mean() / 1e3)}), flush=True)  # fmt: skip


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


if __name__ == "__main__":
    main(*sys.argv[1:4])
