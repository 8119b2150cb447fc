"""Requests that are none to `/metrics` and to the live page, with a real one now and then that must be answered.

    PYTHONPATH=.:tests/support python tests/endurance/fuzz_http.py [REQUESTS] [SEED]

So many go to each. They have bytes changed, are cut off, have endless headers or other methods, or are noise. Exit code
1 if a real one fails, an answer speaks of an error of ours, anything is printed, or threads or memory are left behind.
"""

from __future__ import annotations

import io
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from histories import alarm_block, info

from edge_runtime.history.history import History
from edge_runtime.history.history_sink import HistorySink
from edge_runtime.sinks.metrics_server import MOST_CLIENTS, MetricsServer

ANSWER = b"saelite_score 1\n"
MOST_GROWTH_MB = 10.0
_SCRAPE_EVERY, _WORKERS = 100, 4
_PATIENCE_S = 30.0
_HEADERS = b"Host: 127.0.0.1:%d\r\nAccept: */*\r\nConnection: close\r\n"
_SAID = b'{"machine": "pump", "alarm": 1, "kind": "ignore", "who": "Ann", "note": "n", "sensor": "flow", "lasts": 9}'
_PAGES = (
    b"/", b"/api/machines", b"/api/alarms?machine=pump",
    b"/api/trend?machine=pump&since=0&until=9&points=9",
    b"/api/sensors?machine=pump&sensor=flow&since=0&until=9&points=9",
)  # fmt: skip
_STARTS = (
    b"POST /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n", b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"GET\r\n\r\n",
    b"\r\n\r\n", b"\x16\x03\x01\x02\x00",
    b"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 5000 + b"\r\n", b"GET /metrics HTTP/1.1\r\nHost: \xff\xfe\x00\r\n\r\n",
)  # fmt: skip


class Server(NamedTuple):
    """What is asked.

    Parameters
    ----------
    port : int
    path : str
        Of what must always be answered.
    requests : tuple of bytes
        Good ones.
    most_threads : int
    hangs_up_s : float or None
        When the client leaves; None if it says that nothing more comes from it, and waits for the end.
    """

    port: int
    path: str
    requests: tuple[bytes, ...]
    most_threads: int
    hangs_up_s: float | None


@contextmanager
def metrics() -> Iterator[Server]:
    """Yield a server of metrics."""
    server = MetricsServer("127.0.0.1", 0, lambda: ANSWER)
    yield Server(server.port, "/metrics", (_get(b"/metrics", server.port),), MOST_CLIENTS, None)
    server.close()


@contextmanager
def page() -> Iterator[Server]:
    """Yield a live page of a machine that has had an alarm."""
    from page_client import serving

    history = History.open(None)
    HistorySink(history, info()).write(alarm_block(0, 500, 400, 450))
    with serving(histories=(history,)) as (server, _):
        gets = [_get(path, server.port) for path in _PAGES]
        headers = _HEADERS % server.port + b"Origin: http://127.0.0.1:%d\r\n" % server.port
        body = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_SAID) + _SAID
        posts = [b"POST " + path + b" HTTP/1.1\r\n" + headers + body for path in (b"/api/mark", b"/log-in")]
        # It answers nobody who hangs up.
        yield Server(server.port, "/api/machines", (*gets, *posts), _WORKERS, 0.1)
    history.close()


def _get(path: bytes, port: int) -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\n" + _HEADERS % port + b"\r\n"


def request_of(rng: np.random.Generator, good: tuple[bytes, ...]) -> bytes:
    """Return something that is like a request."""
    kind = rng.integers(0, 4)
    if kind == 0:
        return rng.bytes(int(rng.integers(0, 400)))
    starts = _STARTS if kind == 1 else good
    content = bytearray(starts[int(rng.integers(0, len(starts)))])
    for _ in range(int(rng.integers(0, 6))):
        content[int(rng.integers(0, len(content)))] = int(rng.integers(0, 256))
    return bytes(content[: int(rng.integers(1, len(content) + 1))]) if rng.random() < 0.3 else bytes(content)


def send(server: Server, content: bytes) -> bytes:
    """Return what the server says to it before one of both hangs up."""
    answer = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), _PATIENCE_S) as client:
        client.sendall(content)
        if server.hangs_up_s is None:
            client.shutdown(socket.SHUT_WR)
        else:
            client.settimeout(server.hangs_up_s)
        while part := client.recv(1 << 16):
            answer += part
    return answer


def fuzz(served: Callable[[], AbstractContextManager[Server]], requests: int, seed: int) -> list[str]:
    """Return what went wrong."""
    rng, problems, printed = np.random.default_rng(seed), list[str](), io.StringIO()
    before, warm_mb = threading.active_count(), 0.0
    with redirect_stdout(printed), redirect_stderr(printed), served() as server:
        expected, most_threads = _answer(server), threading.active_count() + server.most_threads
        for number in range(requests):
            if b" 500 " in send(server, request_of(rng, server.requests)).partition(b"\r\n")[0]:
                problems.append(f"request {number}: an error of ours")
            if number % _SCRAPE_EVERY == 0:
                if _answer(server) != expected:
                    problems.append(f"request {number}: the next one has another answer")
                if threading.active_count() > most_threads:
                    problems.append(f"request {number}: {threading.active_count() - before} threads")
            warm_mb = _resident_mb() if number == requests // 10 else warm_mb
    _wait_for_threads(before)
    if threading.active_count() > before:
        problems.append(f"{threading.active_count() - before} threads are left")
    if (growth_mb := _resident_mb() - warm_mb) > MOST_GROWTH_MB:
        problems.append(f"memory grew by {growth_mb:.1f} MB")
    if printed.getvalue():
        problems.append(f"it printed {printed.getvalue()[:200]!r}")
    return problems


def _answer(server: Server) -> bytes:
    """Return the answer to a real request; what changes with time is left out."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{server.path}", timeout=_PATIENCE_S) as answer:
        return bytes(answer.read()).partition(b'"now"')[0]


def _wait_for_threads(before: int) -> None:
    end_s = time.monotonic() + _PATIENCE_S
    while threading.active_count() > before and time.monotonic() < end_s:
        time.sleep(0.05)


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def main(requests: int, seed: int) -> int:
    """Fuzz, and print."""
    found = 0
    for served in (metrics, page):
        problems = fuzz(served, requests, seed)
        found += len(problems)
        print(
            "\n".join(
                [*problems[:20], f"{served.__name__}: {requests:,} requests, seed {seed}, {len(problems)} problems"]
            )
        )
    return 1 if found else 0


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:3]]
    sys.exit(main(*(numbers + [10_000, 1][len(numbers) :])))
