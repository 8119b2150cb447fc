"""The live page under load: it changes neither scores nor memory, and hardly the stream's latency.

    PYTHONPATH=.:tests/support:tests/endurance python tests/endurance/page.py [READINGS] [ROUNDS]

First READINGS go over a pipe through `saelite run` at full speed, once without a page and once with one that 20 clients
read and one does not, with a history on a disk whose every sync takes a tenth of a second (a C compiler is needed for
that). Results must be the same bytes; resident memory is sampled. Then a live stream of 500 readings per second runs in
this process, in rounds with and without 20 clients in turn: 99th percentile of the time from a reading to its result in
every sink's queue.
"""

import contextlib
import filecmp
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from broker import free_port
from streaming_machine import EIGHT, rows_of, write_model

HERE = Path(__file__).parent
CLIENTS, BURST, RATE_HZ, ROUND_S = 20, 1000, 500, 4.0
SLOW_DISK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
#define SLOW(name) int name(int file) { static int (*real)(int); \\
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, #name); usleep(100000); return real(file); }
SLOW(fsync)
SLOW(fdatasync)
"""


@contextlib.contextmanager
def clients(port, readers, silent):
    """Run clients in a process of their own."""
    command = [sys.executable, HERE / "page_clients.py", str(port), str(readers), str(silent)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    time.sleep(1.5)
    yield
    print(f"{readers} clients were sent {int(process.communicate()[0]) / 1e6:.1f} MB")


def slow_disk(folder):
    """Return the environment of a process whose syncs are slow; nothing if there is no compiler."""
    if shutil.which("gcc") is None:
        return {}
    (folder / "slow.c").write_text(SLOW_DISK)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "slow.so", folder / "slow.c", "-ldl"], check=True)
    return {"LD_PRELOAD": str(folder / "slow.so")}


def run(folder, n_readings, output, *options, port=None, env=None):
    """Send readings through `saelite run`; return its resident memory in MB as it went, and the seconds it took.

    With a port, its clients watch meanwhile.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "saelite", "run", "m.tflite", "--source", "-", "--sink", f"csv:{output}?max_mb=999",
         *options],
        cwd=folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | (env or {}),
    )  # fmt: skip
    process.stdin.write(("time," + ",".join(EIGHT) + "\n").encode())
    process.stdin.flush()
    lines = [",".join(f"{value:.6g}" for value in row) for row in rows_of(10 * BURST)]
    while not (folder / output).exists() or (port and not is_open(port)):
        time.sleep(0.1)
    watched, resident = psutil.Process(process.pid), []
    with clients(port, CLIENTS, 1) if port else contextlib.nullcontext():
        started_s = time.perf_counter()
        for first in range(0, n_readings, BURST):
            chunk = range(first, min(first + BURST, n_readings))
            process.stdin.write("".join(f"{1_790_000_000 + at},{lines[at % len(lines)]}\n" for at in chunk).encode())
            if first // BURST % 10 == 0:
                resident.append(watched.memory_info().rss / 1e6)
        process.stdin.close()
        print(process.stderr.read().decode().strip().splitlines()[-1])
        process.wait()
    return resident, time.perf_counter() - started_s


def is_open(port):
    """Return whether somebody listens."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def soak(folder, n_readings):
    """Compare a run with the page with one without."""
    plain, plain_s = run(folder, n_readings, "plain.csv")
    port, slow = free_port(), slow_disk(folder)
    page = ["--sink", f"web:{port}", "--history", "site.db"]
    shown, shown_s = run(folder, n_readings, "shown.csv", *page, port=port, env=slow)
    same = filecmp.cmp(folder / "plain.csv", folder / "shown.csv", shallow=False)
    for name, resident in (("without", plain), ("with", shown)):
        second, *_, last = np.array_split(resident, 10)[1:]
        print(f"{name} the page: {np.median(second):.1f} MB in the second tenth of the run, "
              f"{np.median(last) - np.median(second):+.1f} MB in the last, at most {max(resident):.1f} MB")  # fmt: skip
    print(f"{n_readings / shown_s:,.0f} readings per second with the page, {n_readings / plain_s:,.0f} without")
    print(f"scores {'the same' if same else 'DIFFER'}; slow disk: {bool(slow)}")


def latency(folder, rounds):
    """Return figures of rounds without and with clients in turn, shape (rounds, 2) each.

    The 99th percentile of the stream's latency in µs, and the share of a core that this process takes.
    """
    from edge_runtime import Detector
    from edge_runtime.common.notices import Notices
    from edge_runtime.history.history import History
    from edge_runtime.history.history_sink import HistorySink
    from edge_runtime.page.address import PageAddress
    from edge_runtime.page.web_sink import WebSink
    from edge_runtime.sinks.sink import StreamInfo
    from edge_runtime.sinks.sinks import Sinks
    from edge_runtime.streaming.monitor import Monitor
    from edge_runtime.streaming.monitor_settings import MonitorSettings

    detector = Detector.load(folder / "m.tflite")
    info = StreamInfo("eight", EIGHT, 1.0, np.inf, manifest=detector.manifest)
    recorder = HistorySink(History.open(None), info)
    page = WebSink(PageAddress("127.0.0.1", 0), info, print, recorder.history)
    sinks = Sinks([page], Notices(print), recorder)
    monitor = Monitor(detector, MonitorSettings(expected_every_s=1.0))
    found = {False: [], True: []}
    for number in range(2 * rounds):
        watched = bool(number % 2)
        with clients(page.port, CLIENTS, 1) if watched else contextlib.nullcontext():
            wall_s, core_s = time.perf_counter(), time.process_time()
            slow_us = np.percentile(latencies_us(monitor, sinks), 99)
            share = (time.process_time() - core_s) / (time.perf_counter() - wall_s)
        found[watched].append((slow_us, share))
    sinks.close()
    return np.array(found[False]), np.array(found[True])


def latencies_us(monitor, sinks):
    """Push readings at their rate for a while, and return how long each took."""
    from edge_runtime.signal.readings import Readings

    rows, took = rows_of(int(RATE_HZ * ROUND_S)), []
    next_s = time.perf_counter()
    for row in rows:
        next_s += 1 / RATE_HZ
        time.sleep(max(0.0, next_s - time.perf_counter()))
        reading = Readings(np.array([time.time()]), row[None].astype(np.float64))
        started_s = time.perf_counter()
        sinks.write(monitor.push(reading))
        took.append(time.perf_counter() - started_s)
        if len(took) % RATE_HZ == 0:
            sinks.status(monitor.counters)
    return 1e6 * np.array(took)


def main(n_readings, rounds):
    """Run and print."""
    with tempfile.TemporaryDirectory() as name:
        write_model(Path(name) / "m.tflite", window=4)
        if n_readings:
            soak(Path(name), n_readings)
        without, watched = latency(Path(name), rounds)
    ratio = np.median(watched[:, 0] / without[:, 0])
    (alone_us, alone), (shown_us, shown) = np.median(without, axis=0), np.median(watched, axis=0)
    print(f"median of {rounds} rounds without and with {CLIENTS} clients: p99 {alone_us:.0f} and {shown_us:.0f} µs, "
          f"median ratio {ratio:.2f}; {alone:.1%} and {shown:.1%} of a core")  # fmt: skip


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:3]]
    main(*(given + [1_000_000, 15][len(given) :]))
