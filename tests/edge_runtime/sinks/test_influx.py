"""InfluxDB: lines against a reader of its grammar and a real server, credentials, and servers that are away."""

import http.server
import math
import threading
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from broker import free_port
from hypothesis import given, settings
from hypothesis import strategies as st
from influx_server import INFLUXD, influxdb, query
from line_protocol_reader import read_line
from live_process import line, start, timed_line, until
from machines import SENSORS, pump_rows
from numbered_results import results

from edge_runtime.common.counters import Counters
from edge_runtime.errors import UsageError
from edge_runtime.sinks import influx
from edge_runtime.sinks.influx import InfluxSink
from edge_runtime.sinks.influx_address import InfluxAddress
from edge_runtime.sinks.line_protocol import InfluxLines, field_text, nanoseconds, tag_text
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.alarm_events import AlarmStarted
from edge_runtime.streaming.blame import Blamed
from edge_runtime.streaming.health import Health, SensorSilent

INFO = StreamInfo("pump 1", ("flow",), 1.0, np.inf, "site=A")
needs_influx = pytest.mark.skipif(INFLUXD is None, reason="influxd is not installed (Debian's package influxdb)")
names = st.text(st.characters(codec="utf-8") | st.sampled_from('\\,= "\n'), min_size=1, max_size=20)


def kept(name):
    """Return what the protocol can hold of a name: all but control characters and backslashes that would escape."""
    text = "".join(" " if ord(one) < 32 or ord(one) == 127 else one for one in name)
    following = [*text[1:], ","]
    return "".join("/" if one == "\\" and after in ',= "' else one for one, after in zip(text, following, strict=True))


@given(names, names, names, st.floats(width=32))
@settings(max_examples=300)
def test_any_names_are_read_back(machine, host, sensor, score):
    stream = InfluxLines(StreamInfo(machine, (sensor,), 1.0, np.inf, host))
    event = AlarmStarted(1.5, score, 1.0, (Blamed(sensor, 0.5, 84.13, 61.2, 1.9, "°C"),))
    measurement, tags, fields, time_ns = read_line(stream.event(event).removesuffix("\n"))
    assert measurement == "saelite_event"
    assert tags == {"host": kept(host), "machine": kept(machine), "event": "alarm_started"}
    assert ("score" in fields) == math.isfinite(score)
    plain = "".join(" " if ord(one) < 32 or ord(one) == 127 else one for one in sensor)
    assert (fields["sensors"], fields["text"]) == (plain, f"{plain} 84.1 °C, expected 61.2 ± 1.9")
    assert (fields["threshold"], time_ns) == (1.0, 1_500_000_000)


def test_line_of_a_result_and_of_the_counts():
    stream = InfluxLines(INFO)
    tags = "host=site\\=A,machine=pump\\ 1"
    assert stream.results(results(3, 1)) == [f"saelite,{tags} score=3,threshold=1,alarm=false,drift=0 3000000000\n"]
    assert stream.event(SensorSilent(2.0, "flow", 61.0)) == (
        f'saelite_event,{tags},event=sensor_silent sensor="flow",silent_s=61 2000000000\n'
    )
    counts = stream.status(Counters(read=7), Health(True, 30.0, None, None), 4.0)
    assert counts.startswith(f"saelite_status,{tags} read=7i,scored=0i,")
    assert counts.endswith("stale=true 4000000000\n")


def test_times_a_microsecond_apart_stay_apart():
    now_s = 1_700_000_000.0
    assert nanoseconds(now_s + 2e-6) - nanoseconds(now_s) in (2000, 1000, 3000)
    assert nanoseconds(now_s + 2e-6) > nanoseconds(now_s)


@needs_influx
def test_real_server_keeps_every_name(tmp_path):
    odd = ["a b", "a,b", "a=b", "a\\b", "a\\ b", "ends\\", 'q"q', 'b\\"', "ünïcode", "\\\\host\\% Time", "x\ny"]
    lines = [f"odd,name={tag_text(name)} v=1,text={field_text(name)} {at}\n" for at, name in enumerate(odd)]
    with influxdb(tmp_path) as port:
        query(port, "CREATE DATABASE plant")
        sink = InfluxSink(InfluxAddress.parse(f"influx://127.0.0.1:{port}/plant"), INFO, print)
        sink._put(lines)
        sink.close()
        found = query(port, 'SELECT text, "name" FROM odd')[0]["values"]
    plain = [name.replace("\n", " ") for name in odd]
    assert [text for _, text, _ in found] == plain
    assert [name for *_, name in found] == [kept(name) for name in odd]


@needs_influx
def test_results_reach_a_real_server_which_may_come_late_and_go(model_path, tmp_path):
    port = free_port()
    (tmp_path / "db").mkdir()
    process = start(model_path, "--source", "-", "--sink", f"influx://127.0.0.1:{port}/plant", cwd=tmp_path)
    rows = pump_rows(30)
    rows[10:, 1] += 100_000
    # With times of their own: points of the same time and tags are one point.
    lines = [timed_line(second, row) for second, row in enumerate(rows)]
    process.stdin.write((",".join(("time", *SENSORS)) + "\n").encode() + b"".join(lines[:20]))
    until(lambda: b"takes nothing (ConnectionRefusedError" in process.stderr.readline())
    with influxdb(tmp_path / "db", port):
        query(port, "CREATE DATABASE plant")
        until(lambda: b"is back" in process.stderr.readline())
        process.stdin.write(b"".join(lines[20:]))
        process.stdin.close()
        assert process.wait(30) == 0
        scored = query(port, "SELECT count(score) FROM saelite WHERE machine = 'pump'")[0]["values"][0][1]
        events = query(port, "SELECT sensors, event FROM saelite_event")[0]["values"]
        worst = query(port, "SELECT value, sensor FROM saelite_sensor WHERE contribution > 1")[0]["values"]
        read = query(port, 'SELECT last("read") FROM saelite_status')
    process.stdout.close()
    process.stderr.close()
    assert scored == 28
    assert events[0][1].startswith("pressure")
    assert events[0][2] == "alarm_started"
    assert any(sensor == "pressure" and value > 50_000 for _, value, sensor in worst)
    assert read


@needs_influx
def test_user_and_password_of_a_real_server(tmp_path, monkeypatch):
    user, told = ("watch", "plant-secret"), []
    with influxdb(tmp_path, auth=True) as port:
        query(port, "CREATE USER watch WITH PASSWORD 'plant-secret' WITH ALL PRIVILEGES")
        query(port, "CREATE DATABASE plant", user)
        spec = f"influx://127.0.0.1:{port}/plant"
        refused = InfluxSink(InfluxAddress.parse(spec), INFO, told.append)
        refused.write(results(0, 3))
        with pytest.raises(OSError, match="3 lines were not delivered"):
            refused.close()
        monkeypatch.setenv("SAELITE_INFLUX_USERNAME", "watch")
        (tmp_path / "password").write_text("plant-secret\n")
        monkeypatch.setenv("SAELITE_INFLUX_PASSWORD_FILE", str(tmp_path / "password"))
        sink = InfluxSink(InfluxAddress.parse(spec), INFO, told.append)
        sink.write(results(0, 3))
        sink.close()
        assert query(port, "SELECT count(score) FROM saelite", user)[0]["values"][0][1] == 3
    assert len(told) == 1
    assert "takes nothing (401" in told[0]
    assert "plant-secret" not in told[0] + repr(sink._address)


@contextmanager
def stand_in(status=204, body=b""):
    """A server that records requests and answers as told."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.path, dict(self.headers), content))
            self.send_response(server.status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.status = status
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server, requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_version_2_gets_bucket_organisation_and_token(monkeypatch):
    monkeypatch.setenv("SAELITE_INFLUX_TOKEN", "very-secret")
    with stand_in() as (server, requests):
        address = InfluxAddress.parse(f"influx://127.0.0.1:{server.server_port}/pumps?org=plant%20A")
        sink = InfluxSink(address, INFO, print)
        sink.write(results(0, 2))
        sink.close()
    path, headers, content = requests[0]
    assert path == "/api/v2/write?bucket=pumps&org=plant%20A&precision=ns"
    assert headers["Authorization"] == "Token very-secret"
    assert content.count(b"\n") == 2
    assert "very-secret" not in repr(address) + sink.name


@pytest.mark.parametrize("status", [301, 307])
def test_token_follows_no_redirection(monkeypatch, status):
    monkeypatch.setenv("SAELITE_INFLUX_TOKEN", "very-secret")
    told = []
    with stand_in(status) as (server, requests):
        sink = InfluxSink(InfluxAddress.parse(f"influx://127.0.0.1:{server.server_port}/pumps"), INFO, told.append)
        sink.write(results(0, 1))
    assert len(requests) == 1
    assert f"takes nothing ({status}" in told[0]


def test_lines_that_the_server_refuses_are_dropped_and_told_once():
    told = []
    with stand_in(400, b'{"error":"partial write"}') as (server, requests):
        sink = InfluxSink(InfluxAddress.parse(f"influx://127.0.0.1:{server.server_port}/pumps"), INFO, told.append)
        for first in range(3):
            sink._sent_s = 0.0
            sink.write(results(first, 1))
        sink.close()
    assert (sink.dropped, len(requests)) == (3, 3)
    assert told == [f'{sink.name} refuses lines (400 {{"error":"partial write"}}); they are dropped']


def test_busy_server_is_asked_again_with_the_same_lines(monkeypatch):
    monkeypatch.setattr(influx, "_FIRST_PAUSE_S", 0.01)
    told = []
    with stand_in(503) as (server, requests):
        sink = InfluxSink(InfluxAddress.parse(f"influx://127.0.0.1:{server.server_port}/pumps"), INFO, told.append)
        sink.write(results(0, 5))
        server.status = 204
        time.sleep(0.02)
        sink.write(results(5, 1))
        sink.close()
    assert requests[-1][2].startswith(requests[0][2])
    assert b"".join(content for *_, content in requests[1:]).count(b"\n") == 6
    assert [text.rpartition("/pumps ")[2] for text in told] == ["takes nothing (503 ); retrying", "is back"]


def test_server_that_stays_away_costs_no_more_memory_than_set_aside(monkeypatch):
    monkeypatch.setattr(influx, "MOST_BYTES", 50_000)
    sink = InfluxSink(InfluxAddress.parse(f"influx://127.0.0.1:{free_port()}/pumps"), INFO, lambda _: None)
    for first in range(0, 4990, 10):
        with suppress(OSError):
            sink.write(results(first, 10))
    with pytest.raises(OSError, match="older lines were dropped"):
        sink.write(results(4990, 10))
    assert sink._bytes == sum(map(len, sink._waiting)) <= 50_000
    assert sink.dropped + sum(lines.count(b"\n") for lines in sink._waiting) == 5000
    assert b"score=4999," in sink._waiting[-1], "the newest are kept"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("influx://db", "expected influx://HOST"),
        ("influx://db/plant?organisation=x", "options org .* or rp"),
        ("influx://db:99999/plant", "expected influx://HOST"),
        ("influx://me:secret@db/plant", "must not contain a user name, password or token"),
        ("influx://db/plant?org=x", "needs a token. Set SAELITE_INFLUX_TOKEN"),
    ],
)
def test_wrong_addresses_say_what_is_expected(spec, message):
    with pytest.raises(UsageError, match=message) as caught:
        InfluxAddress.parse(spec)
    assert "secret" not in str(caught.value)


def test_lines_for_telegraf_on_standard_output(saelite, model_path, tmp_path):
    rows = pump_rows(30)
    rows[10:, 1] += 100_000
    text = ",".join(SENSORS) + "\n" + "".join(line(row).decode() for row in rows)
    done = saelite("run", model_path, "--source", "-", "--sink", "influx:-", "--sink", "influx:lines.txt", input=text)
    assert done.returncode == 0, done.stderr
    read = [read_line(one) for one in done.stdout.splitlines()]
    assert (tmp_path / "lines.txt").read_text() == done.stdout
    assert sum(measurement == "saelite" for measurement, *_ in read) == 28
    assert any(fields.get("sensors", "").startswith("pressure") for _, _, fields, _ in read)
