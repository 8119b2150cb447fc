"""Streams to which everything happens at once, held against an oracle that knows which alarms must come.

    PYTHONPATH=.:tests/support python tests/endurance/chaos.py [SCENARIOS] [SEED]

A scenario is 400 readings, one a second of simulated time, with two faults in them; they come one by one or in blocks,
which end where something happens. Meanwhile clocks are set, stand still or lie, processes are killed and started again,
states are damaged or forged, disks fill, files are rotated, moved and emptied, sinks hang or raise, model files are
replaced by good, damaged, older ones and other machines', and second processes come for the state. Of each fault an
alarm must be active within the bound: what debounce, cool-down, missing readings and, where the clock stands still, a
minute make; a forged state costs another cool-down. Every event and result must be where it could be kept.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from chaos_parts import Clocks, Recorder, Watched

from edge_runtime.common.lock import FileLock
from edge_runtime.errors import OutputError
from edge_runtime.inference.detector import Detector
from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.model_file.container import ModelFile, parse_model_file, read_model_file
from edge_runtime.running.model_keeper import ModelKeeper, ModelSettings
from edge_runtime.running.settings import Acceptance
from edge_runtime.running.state_keeper import StateKeeper
from edge_runtime.signal.readings import Readings
from edge_runtime.signal.steady_time import CHECK_S
from edge_runtime.sinks import rotated_file, sinks
from edge_runtime.sinks.sinks import Sinks
from edge_runtime.sinks.text import TextSink, json_lines
from edge_runtime.streaming.alarm_settings import AlarmSettings
from edge_runtime.streaming.monitor import Monitor
from edge_runtime.streaming.monitor_settings import MonitorSettings

READINGS, FAULTS, FAULT_READINGS = 400, (100, 260), 115
_PATIENCE_S = 10.0
MOST_MB = 200
"""Resident, however many scenarios one process runs."""
_MOST_AT_ONCE, _SHARES = (1, 5, 20), (0.04, 0.16, 0.8)
_MOST_WHERE_CLOCKS_STAND = 10
_HAPPENINGS = (
    "kill", "stop", "damage state", "forge state", "full disk", "rotate", "remove", "empty", "hang", "raise",
    "good model", "damaged model", "older model", "other machine", "second process", "lie", "missing",
)  # fmt: skip


@dataclass
class Scenario:
    """One run of 400 readings; `problems` is what the oracle did not like."""

    seed: int
    model: ModelFile
    folder: Path
    problems: list[str] = field(default_factory=list)

    def run(self) -> list[str]:
        """Run it, and return the problems."""
        self.rng = np.random.default_rng(self.seed)
        self.clocks = Clocks(self.rng)
        debounce = int(self.rng.integers(1, 4))
        self.alarm = AlarmSettings(
            debounce=(debounce, debounce + int(self.rng.integers(0, 3))),
            min_duration_s=float(self.rng.choice([0, 10])),
            cool_down_s=float(self.rng.choice([0, 5, 20])),
        )
        self.path, self.state = self.folder / "m.tflite", self.folder / "s.json"
        self.model.write(self.path)
        self.expected_events, self.written, self.disk_full, self.removed = 0, 0, 0, False
        self.active, self.delays = np.zeros(READINGS, bool), np.zeros(READINGS, int)
        with (
            mock.patch.object(time, "monotonic", self.clocks.monotonic),
            mock.patch.object(time, "time", self.clocks.wall),
            mock.patch.object(sinks, "Delivery", Watched),
        ):
            self._all_readings()
        self._judge()
        return self.problems

    def _all_readings(self) -> None:
        rows = 10 + 0.1 * self.rng.normal(size=(READINGS, len(self.model.manifest.spec.sensors)))
        for begin in FAULTS:
            rows[begin : begin + FAULT_READINGS, 0] += 500
        self.good = Recorder(is_bad=False)
        self._begin()
        happens = np.flatnonzero(self.rng.random(READINGS) < 0.04)
        self.at_once = int(self.rng.choice(_MOST_AT_ONCE, p=_SHARES))
        if self.clocks.stands:
            self.at_once = min(self.at_once, _MOST_WHERE_CLOCKS_STAND)
        edges = sorted({*range(0, READINGS, self.at_once), *happens.tolist(), READINGS})
        for begin, end in itertools.pairwise(edges):
            what = str(self.rng.choice(_HAPPENINGS)) if begin in happens else ""
            self._happen(what, begin)
            times = np.array([self.clocks.tick() for _ in range(begin, end)])
            if what == "lie":
                times[0] = self.clocks.lie()
            if what == "missing":
                rows[begin, self.rng.random(rows.shape[1]) < 0.5] = np.nan
            self._take(begin, Readings(times, rows[begin:end]))
        self._end()

    def _take(self, first: int, readings: Readings) -> None:
        read = self.stream.counters.read
        results = self.stream.push(readings)
        self.expected_events += len(results.events)
        if len(results) or results.events:
            with self._disk():
                self.sinks.write(results)
                if not Watched.last.settled.wait(_PATIENCE_S):
                    self.problems.append("a sink did not take what it was given")
            self.written += 0 if self.disk_full else len(results)
            self.disk_full = max(0, self.disk_full - 1)
        reached = first + results.numbers - read
        self.active[reached] = results.alarms
        self.delays[first : first + len(readings)] += 1
        self.delays[reached] -= 1
        self._look_around()
        counters = self.stream.counters
        if counters.read != counters.scored + counters.filling + counters.skipped + counters.waiting:
            self.problems.append(f"reading {first}: the counts do not add up: {counters}")

    def _look_around(self) -> None:
        self.keeper.look()
        if self.keeper._save is not None:
            self.keeper._save.wait(_PATIENCE_S)
        detector = self.models.look(self.stream.detector, asked=False)
        if detector is not None:
            self.stream.use(detector)
            self.models.accept()
        # Threads that open and keep models end here, so that a seed gives the same scenario however busy the machine.
        for thread in threading.enumerate():
            if thread.name in ("new model", "last good model"):
                thread.join(_PATIENCE_S)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        if not self.disk_full:
            yield
            return

        def full(file: Any, content: bytes) -> None:
            file.write(content[: len(content) // 2])
            raise OSError(28, "No space left on device")

        with mock.patch.object(rotated_file, "write_all", full):
            yield

    def _begin(self) -> None:
        settings = ModelSettings(
            self.path, self._load, None, self.folder / "last.tflite", Acceptance(self.model.manifest.name)
        )
        self.models = ModelKeeper(settings, lambda _: None)
        self.stream = Monitor(self.models.start(), MonitorSettings(self.alarm))
        self.bad = Recorder(is_bad=True)
        form = json_lines(self.stream.sensors)
        file = TextSink(str(self.folder / "a.jsonl"), form, max_bytes=20_000, keep=1000)
        self.sinks = Sinks([self.good, self.bad, file], self.stream.notices)
        self.keeper = StateKeeper(self.state, 3.0, self.stream, self.sinks.unwritten)
        self.sinks.announce_again(self.keeper.restore(), self.stream.sensors)

    def _load(self, content: bytes) -> Detector:
        return _opened(content)

    def _end(self, *, killed: bool = False) -> None:
        self.sinks.close(10.0)
        if not killed:
            self.keeper.close()
        elif self.keeper._lock is not None and self.keeper._lock._descriptor is not None:
            os.close(self.keeper._lock._descriptor)  # as the kernel does
            self.keeper._lock._descriptor = None

    def _happen(self, what: str, number: int) -> None:
        if what in ("kill", "stop", "damage state", "forge state"):
            self._restart(what)
            # What came since the last save is not known any more: debounce begins again.
            self.delays[number] += self.alarm.out_of
            if what == "forge state":
                self.delays[number] += self._longest_cool_down_s
        elif what == "full disk":
            self.disk_full = int(self.rng.integers(1, 20))
        elif what in ("rotate", "remove", "empty"):
            self._file(what, number)
        elif what in ("hang", "raise"):
            self.bad.raises = not self.bad.raises
        elif what.endswith(("model", "machine")):
            self._replace_model(what)
        elif what == "second process":
            self._second_process()

    def _restart(self, what: str) -> None:
        self._end(killed=what == "kill")
        if what == "damage state":
            content = bytearray(self.state.read_bytes())
            content[int(self.rng.integers(0, len(content)))] ^= 1 << int(self.rng.integers(0, 8))
            self.state.write_bytes(content)
        if what == "forge state":
            data = json.loads(self.state.read_bytes())["state"]
            data["alarm"] |= {"cool_down_s": 1e12, "lasted_s": 0.0, "last_s": 4.1e9}
            text = json.dumps(data)
            self.state.write_text(json.dumps({"sha256": sha256(text.encode()).hexdigest(), "state": data}))
        self._begin()

    def _file(self, what: str, number: int) -> None:
        path = self.folder / "a.jsonl"
        with suppress(FileNotFoundError):
            if what == "rotate":
                path.rename(self.folder / f"a.jsonl.moved-{number}")
            elif what == "remove":
                path.unlink()
                self.removed = True
            else:
                (self.folder / f"a.jsonl.copied-{number}").write_bytes(path.read_bytes())
                os.truncate(path, 0)

    def _replace_model(self, what: str) -> None:
        model = self.model
        if what == "good model":
            model = replace(model, manifest=replace(model.manifest, version=model.manifest.version + 1))
        if what == "older model":
            model = replace(model, manifest=replace(model.manifest, version=model.manifest.version - 1))
        if what == "other machine":
            threshold = model.manifest.threshold._replace(value=1e9)
            model = replace(model, manifest=replace(model.manifest, name="other", threshold=threshold))
        content = bytearray(model.to_bytes())
        if what == "damaged model":
            content[int(self.rng.integers(0, len(content)))] ^= 1 << int(self.rng.integers(0, 8))
        self.path.write_bytes(content)

    def _second_process(self) -> None:
        try:
            FileLock(self.state).release()
        except OutputError:
            return
        self.problems.append("a second process got the state")

    @property
    def _longest_cool_down_s(self) -> int:
        # What is known of a clock that stands is known when a block of readings comes, for all of them.
        waits_s = CHECK_S + 1 + 2 * (self.at_once - 1) if self.clocks.stands and self.alarm.cool_down_s else 0
        return math.ceil(self.alarm.cool_down_s + waits_s)

    def _judge(self) -> None:
        for begin in FAULTS:
            bound = self.alarm.out_of + self._longest_cool_down_s + 2
            bound += self.delays[begin : begin + FAULT_READINGS].sum()
            end = begin + int(min(bound, FAULT_READINGS))
            if bound < FAULT_READINGS and not self.active[begin:end].any():
                self.problems.append(f"no alarm within {bound:.0f} readings of the fault at {begin}")
        if len(self.good.events) != self.expected_events:
            self.problems.append(f"{len(self.good.events)} of {self.expected_events} events arrived")
        lines = [line for path in self.folder.glob("a.jsonl*") for line in path.read_text().splitlines()]
        results = sum("score" in json.loads(line) and "drift" in json.loads(line) for line in lines)
        if not self.removed and results < self.written:
            self.problems.append(f"{results} of {self.written} results are in the files")


@lru_cache(maxsize=8)
def _opened(content: bytes) -> Detector:
    """Return a detector, which streams may share; few files are not damaged, so few are opened more than once."""
    return Detector(parse_model_file(content, Path("m.tflite")), find_runtime("auto"))


def problems_of(model: ModelFile, seed: int) -> list[str]:
    """Return what went wrong in one scenario; an exception is a problem too."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(seed, model, Path(folder))
        try:
            return scenario.run()
        except Exception as error:  # noqa: BLE001 - that is what it looks for
            return [f"{type(error).__name__}: {error}"]


def make_model(folder: Path) -> ModelFile:
    """Return the model of all scenarios, version 5."""
    from streaming_machine import write_model

    write_model(folder / "m.tflite")
    model = read_model_file(folder / "m.tflite")
    return replace(model, manifest=replace(model.manifest, version=5))


def main(scenarios: int, seed: int) -> int:
    """Run, and print; exit code 1 if there was a problem, or it took more memory than it may."""
    with tempfile.TemporaryDirectory() as folder, get_context("spawn").Pool(1) as pool:
        # In another process: tensorflow takes more memory than all that is measured here.
        model = pool.apply(make_model, (Path(folder),))
    found = {}
    for number in range(seed, seed + scenarios):
        if problems := problems_of(model, number):
            found[number] = problems
            print(f"seed {number}: {'; '.join(problems)}", flush=True)
    peak_mb = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024
    print(f"{scenarios:,} scenarios from seed {seed}, {len(found)} with problems, {peak_mb} MB")
    return 1 if found or peak_mb > MOST_MB else 0


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:3]]
    sys.exit(main(*(numbers + [1000, 0][len(numbers) :])))
