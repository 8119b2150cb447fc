"""Requests that are none to `/metrics`, each followed now and then by a real one that must be answered.

    PYTHONPATH=.:tests/support python tests/endurance/fuzz_http.py [REQUESTS] [SEED]

They have bytes changed, are cut off, have endless headers or other methods, or are noise. Exit code 1 if a scrape
fails, anything is printed, or threads or memory are left behind.
"""

from __future__ import annotations

import io
import socket
import sys
import threading
import time
import urllib.request
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import numpy as np

from edge_runtime.sinks.metrics_server import MOST_CLIENTS, MetricsServer

ANSWER = b"saelite_score 1\n"
MOST_GROWTH_MB = 10.0
_SCRAPE_EVERY = 100
_PATIENCE_S = 30.0
_GOOD = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nConnection: close\r\n\r\n"
_STARTS = (
    b"POST /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n", b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"GET\r\n\r\n",
    b"\r\n\r\n", b"\x16\x03\x01\x02\x00",
    b"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 5000 + b"\r\n", b"GET /metrics HTTP/1.1\r\nHost: \xff\xfe\x00\r\n\r\n",
)  # fmt: skip


def request_of(rng: np.random.Generator) -> bytes:
    """Return something that is like a request."""
    kind = rng.integers(0, 4)
    if kind == 0:
        return rng.bytes(int(rng.integers(0, 400)))
    content = bytearray(_GOOD if kind == 1 else _STARTS[int(rng.integers(0, len(_STARTS)))])
    for _ in range(int(rng.integers(0, 6))):
        content[int(rng.integers(0, len(content)))] = int(rng.integers(0, 256))
    return bytes(content[: int(rng.integers(1, len(content) + 1))]) if rng.random() < 0.3 else bytes(content)


def send(port: int, content: bytes) -> bytes:
    """Return what the server says to it before it hangs up."""
    answer = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), _PATIENCE_S) as client:
        client.sendall(content)
        client.shutdown(socket.SHUT_WR)
        while part := client.recv(1 << 16):
            answer += part
    return answer


def fuzz(requests: int, seed: int) -> list[str]:
    """Return what went wrong."""
    rng, problems, printed = np.random.default_rng(seed), list[str](), io.StringIO()
    server, warm_mb = MetricsServer("127.0.0.1", 0, lambda: ANSWER), 0.0
    before = threading.active_count()
    with redirect_stdout(printed), redirect_stderr(printed):
        for number in range(requests):
            send(server.port, request_of(rng))
            if number % _SCRAPE_EVERY == 0:
                with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=_PATIENCE_S) as answer:
                    if answer.read() != ANSWER:
                        problems.append(f"request {number}: the next scrape has another answer")
                if threading.active_count() > before + MOST_CLIENTS:
                    problems.append(f"request {number}: {threading.active_count() - before} threads")
            warm_mb = _resident_mb() if number == requests // 10 else warm_mb
    _wait_for_threads(before)
    if threading.active_count() > before:
        problems.append(f"{threading.active_count() - before} threads are left")
    server.close()
    if (growth_mb := _resident_mb() - warm_mb) > MOST_GROWTH_MB:
        problems.append(f"memory grew by {growth_mb:.1f} MB")
    if printed.getvalue():
        problems.append(f"it printed {printed.getvalue()[:200]!r}")
    return problems


def _wait_for_threads(before: int) -> None:
    end_s = time.monotonic() + _PATIENCE_S
    while threading.active_count() > before and time.monotonic() < end_s:
        time.sleep(0.05)


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def main(requests: int, seed: int) -> int:
    """Fuzz, and print."""
    problems = fuzz(requests, seed)
    print("\n".join([*problems[:20], f"{requests:,} requests, seed {seed}, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:3]]
    sys.exit(main(*(numbers + [10_000, 1][len(numbers) :])))
