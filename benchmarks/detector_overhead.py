"""What `Detector` costs on top of the raw interpreter, on the same file.

``python -m benchmarks.detector_overhead MODEL [--runtime NAME]`` prints the table. Calls are timed in one process,
ours and the raw interpreter's in turn, so that a slow spell of the machine falls on both; start and memory are
those of fresh processes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime import Detector
from edge_runtime.arrays import FloatArray
from edge_runtime.inference.runtimes import RUNTIMES, Runtime, find_runtime
from edge_runtime.model_file.container import ModelFile, read_model_file

_ROUNDS, _CALLS = 15, 2000
_BATCHES = (64, 128, 256, 512, 1024, 2048, 4096)
_STARTS = 15
_RSS = "next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmRSS'))"
_RAW = f"""
import sys, numpy as np
from {{module}} import Interpreter
interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
entry = interpreter.get_input_details()[0]
interpreter.set_tensor(entry["index"], np.zeros(entry["shape"], entry["dtype"]))
interpreter.invoke()
interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
print({_RSS})
"""
_OURS = f"""
import sys, numpy as np
from edge_runtime import Detector
detector = Detector.load(sys.argv[1], runtime="{{name}}")
preprocessing = detector.manifest.spec.preprocessing
detector.score(np.zeros((preprocessing.window, preprocessing.sensors), np.float32))
print({_RSS})
"""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    what, unit : str
    raw, ours : float
        In `unit`.
    limit : float
        Of `figure`.
    figure : float
        The ratio or difference that is limited.
    at_least : bool
        Whether `limit` is the lowest allowed figure rather than the highest.
    """

    what: str
    unit: str
    raw: float
    ours: float
    figure: float
    limit: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit


class RawGraph:
    """The interpreter as a script without saelite would use it."""

    def __init__(self, model: ModelFile, runtime: Runtime, batch: int = 1) -> None:
        import importlib

        module = importlib.import_module(RUNTIMES[runtime.name])
        self._interpreter: Any = module.Interpreter(model_content=model.flatbuffer, num_threads=1)
        entry = self._interpreter.get_input_details()[0]
        self._input, self.batch = entry["index"], batch
        self._interpreter.resize_tensor_input(self._input, (batch, *entry["shape"][1:]))
        self._interpreter.allocate_tensors()
        outputs = self._interpreter.get_output_details()
        self._output = next((item["index"] for item in outputs if item["name"] == "score"), outputs[0]["index"])

    def run(self, windows: FloatArray) -> Any:
        """Set, invoke, get."""
        self._interpreter.set_tensor(self._input, windows)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)

    def batch_share(self, n: int) -> float:
        """Return how many times `n` windows are what `run_all` runs of them."""
        return n / (n // self.batch * self.batch)

    def run_all(self, windows: FloatArray) -> None:
        """Run whole batches."""
        for start in range(0, len(windows) - self.batch + 1, self.batch):
            self.run(windows[start : start + self.batch])


def measure(path: Path, runtime_name: str = "auto", n_windows: int = 100_000) -> list[Row]:
    """Return the table's rows.

    Parameters
    ----------
    path : Path
        A model file whose graph holds the whole detector.
    n_windows : int
        For the batched rate.
    """
    runtime, model = find_runtime(runtime_name), read_model_file(path)
    detector = Detector.load(path, runtime=runtime.name)
    preprocessing = model.manifest.spec.preprocessing
    window = np.tile(np.asarray(preprocessing.center, np.float32), (preprocessing.window, 1))
    calls = _call_rows(detector, RawGraph(model, runtime), window)
    noise = np.random.default_rng(0).normal(size=(n_windows, 1, 1)).astype(np.float32)
    many = window + noise * np.asarray(preprocessing.scale, np.float32)
    batched = _batch_row(detector, [RawGraph(model, runtime, batch) for batch in _BATCHES], many)
    return [*calls, batched, *_process_rows(path, runtime)]


def _call_rows(detector: Detector, raw: RawGraph, window: FloatArray) -> list[Row]:
    one, reading, stream = window[None].copy(), window[0].copy(), detector.stream()
    raw_us, score_us, update_us = _medians_us(
        lambda: raw.run(one), lambda: detector.score(window), lambda: stream.update(reading)
    )
    return [
        Row("score, one window, p50", "us", raw_us, score_us, score_us / raw_us, 1.5),
        Row("update beyond score, p50", "us", score_us, update_us, update_us - score_us, 5.0),
    ]


def _medians_us(*calls: Callable[[], object]) -> list[float]:
    clock, samples = time.perf_counter_ns, np.empty((len(calls), _ROUNDS, _CALLS))
    for number in range(_ROUNDS):
        for which, call in enumerate(calls):
            for _ in range(200):
                call()
            row = samples[which, number]
            for index in range(_CALLS):
                before = clock()
                call()
                row[index] = clock() - before
    # The quietest rounds of each: other work on the machine only ever adds.
    medians = np.percentile(samples, 50, axis=2) / 1e3
    return [float(value) for value in np.percentile(medians, 25, axis=1)]


def _batch_row(detector: Detector, graphs: list[RawGraph], windows: FloatArray) -> Row:
    shortest = [_seconds(partial(graph.run_all, windows), 4) * graph.batch_share(len(windows)) for graph in graphs]
    best = graphs[int(np.argmin(shortest))]
    # Measure the winner again, in turn with ours: the best of many tries is partly luck.
    raw_s, ours_s = float("inf"), float("inf")
    for _ in range(_ROUNDS):
        raw_s = min(raw_s, _seconds(partial(best.run_all, windows)))
        ours_s = min(ours_s, _seconds(partial(detector.score_many, windows)))
    raw, ours = len(windows) / (raw_s * best.batch_share(len(windows))) / 1e6, len(windows) / ours_s / 1e6
    return Row(f"score_many, {len(windows)} windows", "M/s", raw, ours, ours / raw, 0.9, at_least=True)


def _seconds(call: Callable[[], object], tries: int = 1) -> float:
    best = float("inf")
    for _ in range(tries):
        before = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - before)
    return best


def _process_rows(path: Path, runtime: Runtime) -> list[Row]:
    scripts = (_RAW.format(module=RUNTIMES[runtime.name]), _OURS.format(name=runtime.name))
    seconds: tuple[list[float], list[float]] = ([], [])
    kilobytes: tuple[list[int], list[int]] = ([], [])
    with tempfile.TemporaryDirectory() as cache:
        # Compiled modules exist, as after an installation, whatever the environment variables say.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for start in range(-1, _STARTS):
            for which, script in enumerate(scripts):
                before = time.perf_counter()
                done = subprocess.run(
                    [sys.executable, "-c", script, str(path)], capture_output=True, check=True, env=environment
                )
                if start >= 0:  # the first one fills the cache
                    seconds[which].append(time.perf_counter() - before)
                    kilobytes[which].append(int(done.stdout.split()[-1]))
    raw_ms, ours_ms = (1e3 * float(np.percentile(values, 25)) for values in seconds)
    raw_mb, ours_mb = (float(np.median(values)) / 1024 for values in kilobytes)
    return [
        Row("process start to first score", "ms", raw_ms, ours_ms, ours_ms / raw_ms, 1.3),
        Row("resident memory", "MB", raw_mb, ours_mb, ours_mb - raw_mb, 8.0),
    ]


def text(rows: list[Row]) -> str:
    """Return the table for the terminal."""
    lines = [f"{'':30} {'raw':>9} {'Detector':>9} {'':4} {'figure':>7} {'limit':>9}"]
    lines += [
        f"{row.what:30} {row.raw:9.2f} {row.ours:9.2f} {row.unit:4} {row.figure:7.2f} "
        f"{'>=' if row.at_least else '<='} {row.limit:6.2f} {'holds' if row.holds else 'MISSED'}"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the table of the model file named on the command line."""
    parser = argparse.ArgumentParser(description="What Detector costs on top of the raw interpreter.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--runtime", default="auto")
    arguments = parser.parse_args()
    sys.stdout.write(text(measure(arguments.model, arguments.runtime)) + "\n")


if __name__ == "__main__":
    main()
