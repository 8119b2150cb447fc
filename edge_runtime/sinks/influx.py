"""Results to an InfluxDB over HTTP: in batches, again until they arrive, and no more than the memory set aside."""

from __future__ import annotations

import http.client
import os
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence

from edge_runtime.common.counters import Counters
from edge_runtime.errors import UsageError
from edge_runtime.sinks.influx_address import InfluxAddress
from edge_runtime.sinks.line_protocol import InfluxLines
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.health import Health
from edge_runtime.streaming.results import Results

MOST_BYTES = 16_000_000
_BATCH_BYTES, _BLOCK_LINES = 500_000, 1000
_BATCH_S, _STATUS_S = 1.0, 10.0
_TIMEOUT_S, _CLOSE_S = 5.0, 3.0
_IDLE_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
# The server has read the lines and does not want them; it would not want them later either.
_REFUSED = (400, 413, 422)


class InfluxSink:
    """Writes lines to a database or bucket.

    Parameters
    ----------
    address : InfluxAddress
    info : StreamInfo
    tell : callable
        Called with a one-line message when something happens.

    Raises
    ------
    UsageError
        If the certificate file cannot be used.

    Attributes
    ----------
    dropped : int
        Lines that found no room, or that the server refused.
    """

    def __init__(self, address: InfluxAddress, info: StreamInfo, tell: Callable[[str], None]) -> None:
        self.name, self.dropped = address.name, 0
        self._address, self._tell = address, tell
        self._lines = InfluxLines(info)
        self._tls = _context() if address.tls else None
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._connection: http.client.HTTPConnection | None = None
        self._used_s = self._sent_s = self._again_s = self._status_s = 0.0
        self._pause_s = _FIRST_PAUSE_S
        self._away = self._told_refusal = False
        self._health: Health | None = None

    def write(self, results: Results) -> None:
        """See `Sink.write`.

        Raises
        ------
        OSError
            If older lines had to go to make room.
        """
        self._put(self._lines.results(results))

    def health(self, health: Health) -> None:
        """Write the changes in the stream's health."""
        self._health = health
        self._put([self._lines.event(event) for event in health.events])

    def status(self, counters: Counters) -> None:
        """See `Sink.status`."""
        now_s = time.monotonic()
        if now_s >= self._status_s:
            self._status_s = now_s + _STATUS_S
            self._put([self._lines.status(counters, self._health, time.time())])
        self._send()

    def close(self) -> None:
        """See `Sink.close`.

        Raises
        ------
        OSError
            If lines could not be delivered.
        """
        end_s = time.monotonic() + _CLOSE_S
        self._again_s = 0.0
        while self._waiting and time.monotonic() < end_s and self._again_s <= time.monotonic():
            self._send()
        if self._connection is not None:
            self._connection.close()
        if self._waiting:
            lost = sum(block.count(b"\n") for block in self._waiting)
            raise OSError(f"{lost} lines were not delivered")

    def _put(self, lines: Sequence[str]) -> None:
        """Keep lines, and send them if a batch is full or old enough."""
        lost = 0
        for start in range(0, len(lines), _BLOCK_LINES):
            self._waiting.append("".join(lines[start : start + _BLOCK_LINES]).encode())
            self._bytes += len(self._waiting[-1])
        while self._bytes > MOST_BYTES and len(self._waiting) > 1:
            lost += self._take(1).count(b"\n")
        self.dropped += lost
        if self._bytes >= _BATCH_BYTES or time.monotonic() >= self._sent_s + _BATCH_S:
            self._send()
        if lost:
            raise OSError(f"{lost} older lines were dropped: the server is away or too slow")

    def _send(self) -> None:
        """Send what waits, unless the server is to be left alone for now."""
        while self._waiting and time.monotonic() >= self._again_s:
            count, size = 1, len(self._waiting[0])
            while count < len(self._waiting) and size + len(self._waiting[count]) <= _BATCH_BYTES:
                size += len(self._waiting[count])
                count += 1
            body = b"".join(self._waiting[place] for place in range(count))
            try:
                status, answer = self._post(body)
            except (OSError, http.client.HTTPException) as error:
                self._wait(f"{type(error).__name__}: {error}")
                return
            if status in _REFUSED:
                self._refuse(body, f"{status} {answer}")
            elif status // 100 != 2:
                self._wait(f"{status} {answer}")
                return
            self._take(count)
            self._sent_s = time.monotonic()
            self._back()

    def _take(self, count: int) -> bytes:
        """Remove the oldest blocks of lines and return them."""
        taken = b"".join(self._waiting.popleft() for _ in range(count))
        self._bytes -= len(taken)
        return taken

    def _post(self, body: bytes) -> tuple[int, str]:
        """Return status and the beginning of the answer; a redirection is not followed, the token stays here."""
        now_s = time.monotonic()
        if self._connection is None or now_s > self._used_s + _IDLE_S:
            self._connection = self._opened()
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if self._address.authorization:
            headers["Authorization"] = self._address.authorization
        try:
            self._connection.request("POST", self._address.path, body, headers)
            answer = self._connection.getresponse()
            text = answer.read(1000).decode("utf-8", "replace")
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            raise
        self._used_s = time.monotonic()
        return answer.status, "".join(one if one.isprintable() else " " for one in text).strip()[:200]

    def _opened(self) -> http.client.HTTPConnection:
        if self._connection is not None:
            self._connection.close()
        host, port = self._address.host, self._address.port
        if self._tls is not None:
            return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)

    def _refuse(self, body: bytes, reason: str) -> None:
        self.dropped += body.count(b"\n")
        if not self._told_refusal:
            self._told_refusal = True
            self._tell(f"{self.name} refuses lines ({reason}); they are dropped")

    def _wait(self, reason: str) -> None:
        if not self._away:
            self._away = True
            self._tell(f"{self.name} takes nothing ({reason}); retrying")
        self._again_s = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _back(self) -> None:
        self._pause_s = _FIRST_PAUSE_S
        if self._away:
            self._away = False
            self._tell(f"{self.name} is back")


def _context() -> ssl.SSLContext:
    path = os.environ.get("SAELITE_INFLUX_CA_FILE") or None
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise UsageError(f"cannot use SAELITE_INFLUX_CA_FILE={path}: {error}. Expected certificates, PEM.") from error
