"""Make a labelled recording of this machine: varied normal work, then faults of six kinds.

    python examples/host_recording/make_recording.py -o host.csv.gz

Every row carries `anomaly` (0 or 1) and `fault` (the fault's name, empty while all is well). The faults
are real: they take a processor, memory, the disk or the loopback network for about 40 seconds each.
Run it on a machine that has nothing better to do.
"""

from __future__ import annotations

import csv
import gzip
import io
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

import click

from edge_runtime.sources.host import HostSource
from edge_runtime.sources.reading import Reading

_MEBIBYTE = 1 << 20
_LEAK_FRACTION = 0.35  # of the memory that is free when the leak starts


# Normal work: each job runs for a while at a random strength, as jobs on a small server do.


def compress_some(rng: random.Random) -> None:
    """Compress blocks for a few seconds at a partial duty cycle: a backup, a log rotation."""
    block, duty = os.urandom(_MEBIBYTE // 4), rng.uniform(0.1, 0.5)
    until = time.monotonic() + rng.uniform(3, 12)
    while time.monotonic() < until:
        started = time.monotonic()
        zlib.compress(block, 6)
        time.sleep((time.monotonic() - started) * (1 / duty - 1))


def write_some(rng: random.Random) -> None:
    """Append to a log and flush it at least sometimes."""
    with tempfile.TemporaryFile() as file:
        for _ in range(rng.randint(10, 40)):
            file.write(os.urandom(rng.randint(4, 256) * 1024))
            file.flush()
            if rng.random() < 0.3:
                os.fsync(file.fileno())
            time.sleep(rng.uniform(0.05, 0.4))


def serve_some(rng: random.Random) -> None:
    """Answer requests on loopback: a dashboard being looked at."""
    server = socket.create_server(("127.0.0.1", 0))
    address = server.getsockname()
    rate, count, body = rng.uniform(5, 60), rng.randint(50, 400), os.urandom(rng.randint(1, 24) * 1024)

    def answer() -> None:
        for _ in range(count):
            connection, _ = server.accept()
            with connection:
                connection.recv(512)
                connection.sendall(body)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    for _ in range(count):
        with socket.create_connection(address) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while client.recv(65536):
                pass
        time.sleep(rng.expovariate(rate))
    thread.join()
    server.close()


def spawn_some(rng: random.Random) -> None:
    """Start short programs: a cron job's shell script."""
    for _ in range(rng.randint(3, 20)):
        subprocess.run(["true"], check=False)
        time.sleep(rng.uniform(0.1, 0.8))


def hold_some(rng: random.Random) -> None:
    """Hold some memory for a while: a report being made."""
    held = bytearray(rng.randint(20, 200) * _MEBIBYTE)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(rng.uniform(3, 15))


NORMAL_JOBS = (compress_some, write_some, serve_some, spawn_some, hold_some)


def normal_work(seed: int) -> None:
    """Do normal jobs, one after the other, with pauses, for ever."""
    rng = random.Random(seed)
    while True:
        rng.choice(NORMAL_JOBS)(rng)
        time.sleep(rng.expovariate(1 / 3))


# Faults: each runs until it is killed.


def runaway_loop() -> None:
    """Spin: a loop whose end condition never comes."""
    while True:
        pass


def memory_leak() -> None:
    """Take memory steadily and never give it back."""
    import psutil

    limit = int(psutil.virtual_memory().available * _LEAK_FRACTION)
    step = max(_MEBIBYTE, limit // 300)
    leaked, held = 0, []
    while True:
        if leaked < limit:
            held.append(os.urandom(64) * (step // 64))
            leaked += step
        time.sleep(0.1)


def disk_thrashing() -> None:
    """Write and flush small blocks all over a file."""
    rng = random.Random()
    size = 64 * _MEBIBYTE
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        while True:
            for _ in range(16):
                os.pwrite(file.fileno(), os.urandom(16384), rng.randrange(size))
            os.fsync(file.fileno())


def network_flood() -> None:
    """Send datagrams to oneself as fast as they go."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.setblocking(False)  # noqa: FBT003 - the standard library wants it so
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    payload, address = os.urandom(1400), receiver.getsockname()
    while True:
        for _ in range(32):
            sender.sendto(payload, address)
        with suppress(BlockingIOError):
            while True:
                receiver.recv(2048)


def fork_storm() -> None:
    """Start processes that end at once, without a pause."""
    while True:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)


def lock_contention() -> None:
    """Pass a token between two processes: a lock everybody waits for."""
    here, there = socket.socketpair()
    if os.fork() == 0:
        while data := there.recv(1):
            there.send(data)
        os._exit(0)
    while True:
        here.send(b"x")
        here.recv(1)


FAULTS: dict[str, Callable[[], None]] = {
    fault.__name__: fault
    for fault in (runaway_loop, memory_leak, disk_thrashing, network_flood, fork_storm, lock_contention)
}


class Load:
    """The processes that keep the machine busy; all end with the block."""

    def __init__(self, seed: int, workers: int = 2) -> None:
        self.fault = ""
        self._normal = [self._start(normal_work, seed + worker) for worker in range(workers)]

    @staticmethod
    def _start(work: Callable[..., None], *arguments: object) -> multiprocessing.Process:
        process = multiprocessing.Process(target=_own_group, args=(work, *arguments))
        process.start()
        return process

    def run_fault(self, name: str, duration_s: float) -> None:
        """Run one fault beside the normal work, labelled from its start to its end."""
        self.fault = name
        process = self._start(FAULTS[name])
        time.sleep(duration_s)
        _kill_group(process)
        self.fault = ""

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._normal:
            _kill_group(process)


def _own_group(work: Callable[..., None], *arguments: object) -> None:
    os.setsid()
    work(*arguments)


def _kill_group(process: multiprocessing.Process) -> None:
    if process.pid is not None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.join()


def record(load: Load, rate_hz: float, stop: threading.Event, rows: list[tuple[Reading, str]]) -> None:
    """Append readings with the fault that was on at their time, until told to stop."""
    for reading in HostSource(rate_hz=rate_hz):
        rows.append((reading, load.fault))
        if stop.is_set():
            return


def write(path: Path, rows: list[tuple[Reading, str]]) -> None:
    """Write the recording as gzip CSV, values rounded to four significant digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    sensors = list(rows[0][0].values)
    writer.writerow(["time", *sensors, "anomaly", "fault"])
    for reading, fault in rows:
        stamp = (
            datetime.fromtimestamp(reading.time_s, timezone.utc).replace(tzinfo=None).isoformat(timespec="milliseconds")
        )
        writer.writerow([stamp, *(f"{reading.values[name]:.4g}" for name in sensors), int(bool(fault)), fault])
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write (.csv.gz).")
@click.option("--normal-s", default=840.0, show_default=True, help="Seconds of normal work before the first fault.")
@click.option("--fault-s", default=40.0, show_default=True, help="Seconds each fault lasts.")
@click.option("--pause-s", default=45.0, show_default=True, help="Mean seconds of normal work between faults.")
@click.option("--rounds", default=2, show_default=True, help="How often each kind of fault is made.")
@click.option("--rate", default=4.0, show_default=True, help="Readings per second.")
@click.option("--seed", default=0, show_default=True, help="Seed of the order and strength of everything.")
def main(  # noqa: PLR0913 - one per option
    output: Path, normal_s: float, fault_s: float, pause_s: float, rounds: int, rate: float, seed: int
) -> None:
    """Record this machine under normal work, then under faults."""
    rng = random.Random(seed)
    rows: list[tuple[Reading, str]] = []
    stop = threading.Event()
    with Load(seed) as load:
        recorder = threading.Thread(target=record, args=(load, rate, stop, rows))
        recorder.start()
        time.sleep(normal_s)
        for _ in range(rounds):
            for name in rng.sample(list(FAULTS), len(FAULTS)):
                click.echo(f"{datetime.now(timezone.utc):%H:%M:%S} {name}", file=sys.stderr)
                load.run_fault(name, fault_s * rng.uniform(0.8, 1.2))
                time.sleep(pause_s * rng.uniform(0.7, 1.3))
        stop.set()
        recorder.join()
    write(output, rows)
    click.echo(f"{len(rows)} readings, {sum(bool(fault) for _, fault in rows)} of them under a fault, in {output}")


if __name__ == "__main__":
    main()
