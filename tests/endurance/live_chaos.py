"""Real `saelite run` processes with a real broker and sinks that hang, held against an oracle.

    TMPDIR=/dev/shm PYTHONPATH=.:tests/support python tests/endurance/live_chaos.py [SCENARIOS] [SEED]

A scenario is 600 readings with two faults. The stream writes its results and events to files, and to a mosquitto that
is killed, paused and started again; beside these are some of: a FIFO that nobody reads, a broker that acknowledges
nothing, a peer that never answers, standard output nobody reads, scrapers that say nothing. Meanwhile the stream is
killed, stopped and started again, and its model file is replaced. Each fault must be an alarm in the file of results
while it lasts and an event in that of alarms. Every process must run until it is told to stop, and end in time after
that; none may take more memory than its cap.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from broker import free_port
from live_peers import Broker, DeafPeer
from streaming_machine import EIGHT, rows_of, write_model

READINGS, FAULTS, FAULT_READINGS = 600, (120, 400), 80
MOST_MB = 160
"""Resident, of a stream with the int8 model of eight sensors: numpy, a runtime, paho and queues."""
END_S = 15.0
"""A stream that is told to stop waits 5 s for its sinks, and the disk; the rest is for a busy machine."""
START_S = 120.0
"""A start is a second's work; the rest is for a busy machine."""
_EPOCH_S, _PACE, _PAUSE_S = 1.8e9, 10, 0.01
_FAULT = 30.0
"""Far out, but not so far that smoothed scores are still above the threshold when the next fault comes."""
_ROOT = Path(__file__).parents[2]
_BAD_SINKS = ("fifo", "deaf", "mute", "stdout", "scrapers")
_HAPPENINGS = ("kill", "stop", "kill broker", "pause broker", "good model", "damaged model", "hang up", "wait")


@dataclass
class Scenario:
    """One run; `problems` is what the oracle did not like."""

    seed: int
    model: bytes
    folder: Path
    problems: list[str] = field(default_factory=list)
    peak_mb: int = 0

    def run(self) -> list[str]:
        """Run it, and return the problems."""
        self._rng = np.random.default_rng(self.seed)
        (self.folder / "m.tflite").write_bytes(self.model)
        self._broker, self._peers = Broker(self.folder), [DeafPeer(greets=True), DeafPeer(greets=False)]
        self._clients: list[socket.socket] = []
        self._bad = [name for name in _BAD_SINKS if self._rng.random() < 0.5]
        self._metrics_port = free_port()
        os.mkfifo(self.folder / "fifo")
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as self._notified:
            self._notified.bind(str(self.folder / "notify"))
            try:
                self._start()
                self._feed()
                self._end()
            finally:
                self._kill()
                self._broker.kill()
                for peer in (*self._peers, *self._clients):
                    peer.close()
        self._judge()
        return self.problems

    def _sinks(self) -> list[str]:
        deaf, mute = (f"mqtt://127.0.0.1:{peer.port}/x?interval=0" for peer in self._peers)
        bad = {
            "fifo": "csv:fifo",
            "deaf": deaf,
            "mute": mute,
            "stdout": "jsonl:-",
            "scrapers": f"prometheus:{self._metrics_port}",
        }
        broker = f"mqtt://127.0.0.1:{self._broker.port}/chaos?interval=0"
        return [*(bad[name] for name in self._bad), "jsonl:all.jsonl", "alarms:alarms.jsonl", broker]

    def _start(self) -> None:
        command = [sys.executable, "-m", "saelite", "run", "m.tflite", "--source", "-", "--debounce", "2/3"]
        # A model trained for a second: its normal scores lie close below the threshold.
        command += ["--exit-ratio", "1"]
        command += ["--state", "s.json", "--state-interval", "0.2s", *(f"--sink={sink}" for sink in self._sinks())]
        with (self.folder / "told").open("ab") as told:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(_ROOT), "NOTIFY_SOCKET": str(self.folder / "notify")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=told,
            )
        self._wait_until_ready()
        self._write(("time," + ",".join(EIGHT) + "\n").encode())

    def _wait_until_ready(self) -> None:
        self._notified.settimeout(START_S)
        while self._notified.recv(100) != b"READY=1":
            pass

    def _hear(self) -> None:
        """Take what it says of itself, as systemd would."""
        self._notified.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                self._notified.recv(100)

    def _feed(self) -> None:
        rows = rows_of(READINGS, seed=self.seed)
        for begin in FAULTS:
            rows[begin : begin + FAULT_READINGS, 0] += _FAULT
        for number, row in enumerate(rows):
            if self._rng.random() < 0.02:
                self._happen(str(self._rng.choice(_HAPPENINGS)), number)
            self._write((f"{_EPOCH_S + number}," + ",".join(f"{value:.6g}" for value in row) + "\n").encode())
            self._hear()
            if number % _PACE == 0:
                time.sleep(_PAUSE_S)
        self._broker.resume()

    def _write(self, content: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(content)
            self._process.stdin.flush()
        except BrokenPipeError:
            self._wrong(f"it ended by itself with {self._process.wait()}")
            self._start()

    def _happen(self, what: str, number: int) -> None:
        actions: dict[str, Callable[[], None]] = {
            "kill broker": self._restart_broker,
            "pause broker": self._pause_broker,
            "good model": lambda: self._replace_model(self.model),
            "damaged model": lambda: self._replace_model(self._damaged()),
            "hang up": lambda: self._process.send_signal(signal.SIGHUP),
            "wait": lambda: time.sleep(0.3),
        }
        if what in actions:
            actions[what]()
            return
        self._catch_up(number)
        if what == "stop":
            self._end()
        else:
            self._look_at_memory()
            self._kill()
        self._start()

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._hear()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def _restart_broker(self) -> None:
        self._broker.kill()
        self._broker.start()

    def _pause_broker(self) -> None:
        self._broker.pause()
        threading.Timer(0.5, self._broker.resume).start()

    def _replace_model(self, content: bytes) -> None:
        (self.folder / "new").write_bytes(content)
        (self.folder / "new").replace(self.folder / "m.tflite")

    def _damaged(self) -> bytes:
        content = bytearray(self.model)
        content[int(self._rng.integers(0, len(content)))] ^= 1 << int(self._rng.integers(0, 8))
        return bytes(content)

    def _end(self) -> None:
        """Let it read all there is, then tell it to stop."""
        if "scrapers" in self._bad:
            with suppress(OSError):
                self._clients += [socket.create_connection(("127.0.0.1", self._metrics_port), 1) for _ in range(10)]
        self._look_at_memory()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            code = self._process.wait(2 * END_S)
        except subprocess.TimeoutExpired:
            self._wrong(f"it does not end within {2 * END_S:.0f} s of the end of its source")
            return
        if code:
            self._wrong(f"it ended with {code}")
        self._kill()

    def _look_at_memory(self) -> None:
        with suppress(OSError, IndexError):
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            self.peak_mb = max(self.peak_mb, int(status.split("VmHWM:")[1].split()[0]) // 1024)

    def _wrong(self, what: str) -> None:
        told = (self.folder / "told").read_text(errors="replace").strip().splitlines()
        self.problems.append(f"{what} ({told[-1][:300] if told else 'without a word'})")

    def _judge(self) -> None:
        if self.peak_mb > MOST_MB:
            self.problems.append(f"it took {self.peak_mb} MB")
        results = [record for record in self._lines("all.jsonl") if "event" not in record]
        events = [record for record in self._lines("alarms.jsonl") if record["event"] == "alarm_started"]
        for begin in FAULTS:
            during = range(begin, begin + FAULT_READINGS)
            if not any(record["alarm"] and _number(record) in during for record in results):
                self.problems.append(f"no alarm in the results of the fault at {begin}")
            # An alarm that is active already goes on, and begins no second time.
            is_old = any(record["alarm"] for record in results if begin - _PACE <= _number(record) < begin)
            if not is_old and not any(_number(record) in during for record in events):
                self.problems.append(f"no event of the fault at {begin}")

    def _catch_up(self, number: int) -> None:
        """Wait until few readings are in the pipe: these are lost at a kill, and a whole fault must not be."""
        until_s = time.monotonic() + START_S
        while number - self._reached() > 2 * _PACE:
            if time.monotonic() > until_s:
                self._wrong(f"it has no result after reading {self._reached()} of {number}")
                return
            time.sleep(0.05)

    def _reached(self) -> int:
        """Return the number of the last reading that has a result: on a busy machine others wait in the pipe."""
        return max((_number(record) for record in self._lines("all.jsonl")), default=0)

    def _lines(self, name: str) -> list[dict[str, object]]:
        path = self.folder / name
        # A kill may cut the last line.
        found = []
        for line in path.read_text().splitlines() if path.exists() else []:
            with suppress(json.JSONDecodeError):
                found.append(json.loads(line))
        return found


def _number(record: dict[str, object]) -> int:
    """Return the number of the reading that a line is about."""
    return round(datetime.fromisoformat(str(record["time"]).replace("Z", "+00:00")).timestamp() - _EPOCH_S)


def problems_of(model: bytes, seed: int) -> tuple[list[str], int]:
    """Return what went wrong in one scenario, and the most memory in MB; an exception is a problem too."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(seed, model, Path(folder))
        try:
            return scenario.run(), scenario.peak_mb
        except Exception as error:  # noqa: BLE001 - that is what it looks for
            return [*scenario.problems, f"{type(error).__name__}: {error}"], scenario.peak_mb


def make_model() -> bytes:
    """Return the model of all scenarios; tensorflow stays in another process."""
    with tempfile.TemporaryDirectory() as folder, get_context("spawn").Pool(1) as pool:
        pool.apply(write_model, (Path(folder) / "m.tflite",))
        return (Path(folder) / "m.tflite").read_bytes()


def main(scenarios: int, seed: int) -> int:
    """Run, and print; exit code 1 if there was a problem."""
    model, found, peak_mb = make_model(), 0, 0
    for number in range(seed, seed + scenarios):
        problems, most_mb = problems_of(model, number)
        peak_mb = max(peak_mb, most_mb)
        if problems:
            found += 1
            print(f"seed {number}: {'; '.join(problems)}", flush=True)
    print(f"{scenarios:,} scenarios from seed {seed}, {found} with problems, at most {peak_mb} MB a stream")
    return 1 if found else 0


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:3]]
    sys.exit(main(*(numbers + [100, 0][len(numbers) :])))
