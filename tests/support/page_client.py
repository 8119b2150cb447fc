"""A page with one machine, and a client that asks it as a browser would, or would not."""

import http.client
import json
from contextlib import contextmanager

import numpy as np

from edge_runtime.page.address import PageAddress
from edge_runtime.page.machine import WatchedMachine
from edge_runtime.page.server import PageServer
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.results import Results

TOKEN = "correct horse battery staple"  # noqa: S105 - a test's own
SENSORS = ("flow", "heat")


def info(name="pump"):
    return StreamInfo(name, SENSORS, 1.0, np.inf)


def scored(score, *, alarm=False, events=(), time_s=1000.0, expected=np.nan):
    """Return the result of one reading."""
    row, names = np.array([[30.0, 61.5]], np.float32), SENSORS
    column = np.array([score], np.float32)
    shares = np.array([[0.25, 0.75]], np.float32)
    return Results(
        np.array([0]), np.array([time_s]), column, np.ones_like(column), np.array([alarm]), column * np.nan, shares,
        row, np.full_like(row, expected), row, names, tuple(events), (0,) * len(events),
    )  # fmt: skip


@contextmanager
def serving(host="127.0.0.1", histories=(), tell=print):
    """Serve a page with a machine on a free port; yield the server and the machine."""
    server, machine = PageServer(PageAddress(host, 0), tell), WatchedMachine(info())
    server.add(machine, *(histories or (None,)))
    try:
        yield server, machine
    finally:
        server.close()


def ask(port, path, method="GET", body=None, host=None, **headers):
    """Return status, headers and content of an answer; header names with underscores."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    sent["Host"] = host or f"127.0.0.1:{port}"
    if body is not None and not isinstance(body, bytes):
        body, sent = json.dumps(body).encode(), {"Content-Type": "application/json"} | sent
    try:
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def post(port, path, body, **headers):
    """Ask as the page itself does."""
    return ask(port, path, "POST", body, **({"Origin": f"http://127.0.0.1:{port}"} | headers))


def log_in(port, token=TOKEN, **headers):
    """Return the status, and the cookie that the log-in gave."""
    status, found, _ = post(port, "/log-in", {"token": token}, **headers)
    return status, found.get("set-cookie", "")


@contextmanager
def watching(port, machine="pump", **headers):
    """Yield the lines of the live stream."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", f"/api/live?machine={machine}", headers=sent)
    answer = connection.getresponse()
    try:
        yield answer
    finally:
        connection.close()


def next_event(answer, kind="machine"):
    """Return the next event of a kind."""
    while True:
        line = answer.readline().decode()
        assert line, "the stream has ended"
        if line == f"event: {kind}\n":
            return json.loads(answer.readline().decode().removeprefix("data: "))
