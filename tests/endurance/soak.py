"""A million readings through `saelite run` with MQTT and Prometheus sinks: memory flat, every reading accounted for.

    PYTHONPATH=.:tests/support python tests/endurance/soak.py [READINGS]

Readings come over a pipe in bursts, 1 in 1,000 with a missing value and 1 in 10,000 no reading at all. Every
result is published (``interval=0``, QoS 1) to a real mosquitto; `/metrics` is scraped ten times a second.
"""

import contextlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import psutil
from broker import free_port, mosquitto, retained
from streaming_machine import EIGHT, rows_of, write_model

BURST = 1000


def lines(n):
    """Yield bursts of CSV lines, and how many of them are readings."""
    whole = [",".join(f"{value:.6g}" for value in row) for row in rows_of(10 * BURST)]
    sent = 0
    while sent < n:
        chunk = [whole[(sent + number) % len(whole)] for number in range(min(BURST, n - sent))]
        chunk[len(chunk) // 2] = chunk[0].replace(chunk[0].split(",")[3], "", 1)
        readings = len(chunk)
        if sent // BURST % 10 == 0:
            chunk.insert(7, "\x00\xff no reading \x80")
        sent += readings
        yield "\n".join(chunk).encode("latin1") + b"\n"


def scrape(port, stop, seen):
    """Scrape the metrics until told to stop."""
    while not stop.wait(0.1):
        with contextlib.suppress(OSError):
            text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
            found = re.findall(r"^(saelite_\w+)\{machine=[^,}]*\} (\S+)$", text, re.MULTILINE)
            seen.update({name: float(value) for name, value in found})


def main(n_readings):
    """Run and print."""
    with tempfile.TemporaryDirectory() as name, mosquitto(Path(name)) as broker:
        folder, metrics_port = Path(name), free_port()
        write_model(folder / "m.tflite", window=4)
        sinks = ["--sink", f"mqtt://127.0.0.1:{broker}/soak?interval=0", "--sink", f"prometheus:{metrics_port}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "saelite", "run", "m.tflite", "--source", "-", *sinks, "--state", "state.json"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        seen, stop = {}, threading.Event()
        threading.Thread(target=scrape, args=(metrics_port, stop, seen), daemon=True).start()
        started = time.perf_counter()
        resident = feed(process, n_readings)
        _, told = process.communicate()
        seconds = time.perf_counter() - started
        stop.set()
        status = retained(broker, "soak/status", 1)["soak/status"]
    warm = resident[len(resident) // 10]
    print(f"{n_readings:,} readings in {seconds:.0f} s, {n_readings / seconds:,.0f} a second")
    print(
        f"resident memory after warm-up {warm:.1f} MB, at most {max(resident[len(resident) // 10 :]):.1f} MB after it"
    )
    print(told.decode().strip().splitlines()[-1])
    print("last status on the broker:", status)
    print(f"last scrape: {seen.get('saelite_readings_scored_total', 0):,.0f} scored")


def feed(process, n_readings):
    """Write the readings; return the resident memory in MB, sampled as they went."""
    watched, resident = psutil.Process(process.pid), []
    process.stdin.write((",".join(EIGHT) + "\n").encode())
    for number, burst in enumerate(lines(n_readings)):
        process.stdin.write(burst)
        if number % 10 == 0:
            resident.append(watched.memory_info().rss / 1e6)
    return resident


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
