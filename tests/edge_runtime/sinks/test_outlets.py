"""Sinks that are slow, stuck or gone: they hold up nobody, lose the oldest results first and events last."""

import json
import os
import resource
import signal
import socket
import threading
import time
import urllib.request
from contextlib import closing, suppress
from functools import partial

import numpy as np
import pytest
from live_process import PATIENCE_S, line, start, until
from machines import SENSORS, pump_rows

from edge_runtime.common.counters import Counters
from edge_runtime.common.mqtt_client import MqttAddress
from edge_runtime.common.notices import Notices
from edge_runtime.errors import OutputError
from edge_runtime.running.sd_notify import notify
from edge_runtime.sinks import mqtt_sink as mqtt
from edge_runtime.sinks import outlet
from edge_runtime.sinks.metrics_server import MOST_CLIENTS, MetricsServer
from edge_runtime.sinks.prometheus import PrometheusSink
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.sinks.sinks import Sinks
from edge_runtime.sinks.special_file import SpecialFile
from edge_runtime.streaming.alarm import AlarmStarted
from edge_runtime.streaming.health import Health, HealthWatch, StreamStale
from edge_runtime.streaming.results import Results


def results(first, count, events=()):
    """Return results whose scores are their numbers; events at the rows that are given."""
    alarms = np.cumsum(np.isin(np.arange(count), events)) % 2 == 1
    started = tuple(AlarmStarted(float(first + row), 2.0, 1.0, ()) for row in events)
    column = np.arange(first, first + count, dtype=np.float32)
    table = np.zeros((count, 1), np.float32)
    numbers = np.arange(first, first + count)
    return Results(
        numbers, numbers.astype(float), column, np.ones_like(column), alarms, table[:, 0], table, ("flow",), started,
        tuple(events),
    )  # fmt: skip


class Recorder:
    """A sink that can be held."""

    def __init__(self, name="recorder"):
        self.name, self.scores, self.events, self.counts = name, [], [], []
        self.may_go, self.closed = threading.Event(), False
        self.may_go.set()

    def write(self, taken):
        self.may_go.wait(PATIENCE_S)
        self.scores += taken.scores.tolist()
        self.events += [event.time_s for event in taken.events]

    def status(self, counters):
        self.counts.append(counters.read)

    def close(self):
        self.closed = True


@pytest.fixture
def small_queue(monkeypatch):
    monkeypatch.setattr(outlet, "MOST_ROWS", 100)


def test_stuck_sink_holds_up_no_other(small_queue):
    stuck, well, told = Recorder("stuck"), Recorder("well"), []
    sinks = Sinks([stuck, well], Notices(told.append))
    stuck.may_go.clear()
    for number in range(50):
        if not sinks.has_room:
            sinks.give_up()
        sinks.write(results(10 * number, 10))
        until(lambda count=10 * number + 10: len(well.scores) == count)
    assert told == ["stuck is too slow: its oldest results are dropped, events are kept (counted as undelivered)"]
    stuck.may_go.set()
    sinks.close()
    assert stuck.scores[-1] == 499, "the newest state wins"
    assert sinks.undelivered == 500 - len(stuck.scores) > 300
    assert (stuck.closed, well.closed) == (True, True)
    sinks.raise_lost()


def test_events_are_never_dropped_before_results(small_queue):
    stuck = Recorder()
    sinks = Sinks([stuck], Notices(lambda _: None))
    stuck.may_go.clear()
    for number in range(100):
        sinks.write(results(10 * number, 10, events=(3, 7)))
    stuck.may_go.set()
    sinks.close()
    assert sorted(stuck.events) == [10 * number + row for number in range(100) for row in (3, 7)]
    assert len(stuck.scores) < 500


def test_rows_of_events_stay_with_them_when_the_others_give_way():
    kept = results(0, 10, events=(-1, 3, 7, 7)).with_events()
    assert kept.scores.tolist() == [3, 7]
    assert [(event.time_s, row) for event, row in zip(kept.events, kept.event_rows, strict=True)] == [
        (-1, -1), (3, 0), (7, 1), (7, 1),
    ]  # fmt: skip


def test_counts_wait_in_one_place_and_the_newest_wins():
    sink = Recorder()
    sinks = Sinks([sink], Notices(lambda _: None))
    sink.may_go.clear()
    sinks.write(results(0, 1))
    until(lambda: sinks._outlets[0]._rows == 0)
    for read in range(100):
        sinks.status(Counters(read=read))
    sink.may_go.set()
    sinks.close()
    assert sink.counts == [99]


def test_sink_that_never_finishes_is_left_behind_at_the_deadline():
    stuck, told = Recorder("stuck"), []
    sinks = Sinks([stuck], Notices(told.append))
    stuck.may_go.clear()
    for number in range(5):
        sinks.write(results(number, 1))
    started_s = time.monotonic()
    sinks.close(patience_s=0.2)
    assert time.monotonic() - started_s < PATIENCE_S / 2
    assert told == ["stuck did not finish in time"]
    assert sinks.undelivered == 4
    with pytest.raises(OutputError, match="4 results reached no sink"):
        sinks.raise_lost()
    stuck.may_go.set()


def test_blocked_standard_output_holds_up_neither_file_nor_state_nor_the_end(model_path, tmp_path):
    sinks = ("--sink", "jsonl:-", "--sink", "csv:all.csv?max_mb=1000")
    process = start(model_path, "--source", "-", *sinks, "--state", "s.json", "--state-interval", "0.2s", cwd=tmp_path)
    block = b"".join(line(row) for row in pump_rows(1000))
    process.stdin.write((",".join(SENSORS) + "\n").encode())
    # Nobody reads its standard output; so much fills the pipe and the queue before it.
    for _ in range(outlet.MOST_ROWS // 1000 + 30):
        process.stdin.write(block)
    until(lambda: (tmp_path / "all.csv").read_bytes().count(b"\n") > outlet.MOST_ROWS + 20_000)
    before = (tmp_path / "s.json").read_bytes()
    until(lambda: (tmp_path / "s.json").read_bytes() != before)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)
    assert process.returncode == 0
    err = process.stderr.read().decode()
    assert "standard output is too slow" in err
    scored = int(err.splitlines()[-1].split(" scored")[0].rpartition(" ")[2])
    assert (tmp_path / "all.csv").read_bytes().count(b"\n") == scored + 1
    for pipe in (process.stdin, process.stdout, process.stderr):
        with suppress(BrokenPipeError):
            pipe.close()


def test_fifo_that_nobody_reads_holds_up_no_other_sink(model_path, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    sinks = ("--sink", "csv:fifo", "--sink", "csv:all.csv")
    process = start(model_path, "--source", "-", *sinks, cwd=tmp_path)
    process.stdin.write((",".join(SENSORS) + "\n").encode() + b"".join(map(line, pump_rows(200))))
    process.stdin.close()
    assert process.wait(timeout=PATIENCE_S) == 0
    assert (tmp_path / "all.csv").read_bytes().count(b"\n") == 199
    assert b"fifo did not finish in time" in process.stderr.read()
    process.stdout.close()
    process.stderr.close()


def test_fifo_has_its_header_once_for_each_reader(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    file = SpecialFile(tmp_path / "fifo", b"score\n")
    for first in (1, 3):
        reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        file.write(b"%d\n" % first)
        file.write(b"%d\n" % (first + 1))
        assert os.read(reader, 100) == b"score\n%d\n%d\n" % (first, first + 1)
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            file.write(b"lost\n")


@pytest.fixture
def server():
    server = MetricsServer("127.0.0.1", 0, lambda: b"saelite_score 1\n")
    yield server
    server.close()


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
        return answer.read()


def test_clients_that_say_nothing_are_few_and_soon_gone(server, monkeypatch):
    monkeypatch.setattr("edge_runtime.sinks.metrics_server.PATIENCE_S", 0.5)
    before = threading.active_count()
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    assert threading.active_count() <= before + MOST_CLIENTS
    for client in clients:
        client.settimeout(PATIENCE_S)
        with suppress(ConnectionError):
            assert client.recv(10) == b"", "hung up on"
        client.close()
    until(lambda: threading.active_count() <= before)
    assert scrape(server.port) == b"saelite_score 1\n"


def test_client_that_trickles_is_cut_off_in_all(server, monkeypatch):
    monkeypatch.setattr("edge_runtime.sinks.metrics_server.PATIENCE_S", 0.5)
    with socket.create_connection(("127.0.0.1", server.port)) as client, suppress(ConnectionError):
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            client.sendall(b"x")
            time.sleep(0.05)
        pytest.fail("it was listened to for ever")


def test_requests_that_are_none_are_answered_in_silence(server, capfd):
    rng = np.random.default_rng(3)
    for number in range(300):
        with socket.create_connection(("127.0.0.1", server.port)) as client, suppress(ConnectionError):
            client.settimeout(PATIENCE_S)
            client.sendall(rng.bytes(rng.integers(0, 200)) + (b"\r\n\r\n" if number % 2 else b""))
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
    assert scrape(server.port) == b"saelite_score 1\n"
    assert capfd.readouterr() == ("", "")


class Clock:
    """Stands in for the computer's clocks."""

    def __init__(self, monkeypatch):
        self.now_s = 1e6
        monkeypatch.setattr(time, "monotonic", lambda: self.now_s)
        monkeypatch.setattr(time, "time", lambda: self.now_s + 1.7e9)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def names(health):
    return [event.name for event in health.events]


NOTHING_MISSING = np.full(2, np.nan)


def test_source_that_falls_silent_is_stale_until_it_speaks(clock):
    watch = HealthWatch(("flow", "heat"))
    for _ in range(30):
        clock.now_s += 1
        watch.took(1, 1)
        assert names(watch.look(NOTHING_MISSING)) == []
    clock.now_s += 9
    assert not watch.look(NOTHING_MISSING).stale
    clock.now_s += 2
    health = watch.look(NOTHING_MISSING)
    assert (health.stale, names(health)) == (True, ["stream_stale"])
    assert health.events[0].missing == "readings"
    assert health.last_reading_s == clock.now_s + 1.7e9 - 11
    assert names(watch.look(NOTHING_MISSING)) == []
    watch.took(1, 1)
    assert names(watch.look(NOTHING_MISSING)) == ["stream_fresh"]


def test_readings_without_results_are_stale_too(clock):
    watch = HealthWatch(("flow", "heat"), stale_after_s=5, window=10)
    for second in range(20):
        clock.now_s += 1
        watch.took(1, 0)
        health = watch.look(NOTHING_MISSING)
        assert health.stale == (second >= 15)
    assert watch.stale


def test_machine_that_is_off_owes_no_results(clock):
    watch = HealthWatch(("flow", "heat"), stale_after_s=5, window=10)
    for _ in range(40):
        clock.now_s += 1
        watch.took(1, 0, off=1)
        health = watch.look(NOTHING_MISSING)
        assert (health.stale, health.last_result_s) == (False, None)


def test_usual_pause_is_learnt_and_slow_sources_are_not_stale(clock):
    watch = HealthWatch(("flow", "heat"))
    for _ in range(40):
        clock.now_s += 59
        watch.took(1, 1)
        assert not watch.look(NOTHING_MISSING).stale
    assert watch.stale_after_s == pytest.approx(590, rel=0.05)


def test_sensor_without_a_number_for_long_is_an_event_of_its_own(clock):
    watch, missing = HealthWatch(("flow", "heat")), np.array([np.nan, clock.now_s])
    found = []
    for _ in range(70):
        clock.now_s += 1
        watch.took(1, 0 if found else 1)
        found += watch.look(missing).events
    silent = [event for event in found if event.name == "sensor_silent"]
    assert [event.sensor for event in silent] == ["heat"]
    watch.took(1, 1)
    assert "sensor_back" in names(watch.look(NOTHING_MISSING))


def test_silent_source_is_told_and_ends_the_stream_where_asked_to(model_path, tmp_path):
    options = ("--stale-after", "1s", "--on-stale", "exit", "--sink", "jsonl:a.jsonl")
    process = start(model_path, "--source", "-", *options, cwd=tmp_path)
    process.stdin.write((",".join(SENSORS) + "\n").encode() + b"".join(map(line, pump_rows(5))))
    assert process.wait(timeout=PATIENCE_S) == 1
    assert b"no readings for 1 s" in process.stderr.read()
    events = [json.loads(text) for text in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events if "stream" in event.get("event", "")] == ["stream_stale"]
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()


def test_watchdog_gets_nothing_while_nothing_comes(model_path, tmp_path):
    path = tmp_path / "notify"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notified:
        notified.bind(str(path))
        notified.settimeout(PATIENCE_S)
        environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "200000"}
        process = start(model_path, "--source", "-", "--stale-after", "1s", cwd=tmp_path, env=environment)
        process.stdin.write((",".join(SENSORS) + "\n").encode() + b"".join(map(line, pump_rows(5))))
        while notified.recv(100) != b"WATCHDOG=1":
            pass
        assert b"the stream is stale" in process.stderr.readline()
        notified.settimeout(0.0)
        with suppress(BlockingIOError):
            while True:
                notified.recv(100)
        notified.settimeout(1.0)
        with pytest.raises(TimeoutError):
            notified.recv(100)
        process.stdin.write(b"".join(map(line, pump_rows(5))))
        notified.settimeout(PATIENCE_S)
        assert notified.recv(100) == b"WATCHDOG=1"
        process.kill()
        process.communicate()


def test_supervisor_that_takes_nothing_holds_nothing_up(tmp_path, monkeypatch):
    path = tmp_path / "notify"
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notified:
        notified.bind(str(path))
        filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        filler.setblocking(False)
        with closing(filler), suppress(BlockingIOError):
            while True:
                filler.sendto(b"x", str(path))
        notify("WATCHDOG=1")
        notified.setblocking(False)
        heard = []
        with suppress(BlockingIOError):
            while True:
                heard.append(notified.recv(100))
    assert set(heard) == {b"x"}


@pytest.fixture
def deaf_broker():
    """A broker that accepts a client and acknowledges nothing it publishes: its port, and what it has heard."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop, heard = threading.Event(), bytearray()

    def serve():
        with suppress(OSError):
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                client.sendall(b"\x20\x02\x00\x00")
                client.settimeout(0.1)
                while not stop.is_set():
                    with suppress(TimeoutError):
                        heard.extend(client.recv(65536))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1], heard
    stop.set()
    listener.close()
    thread.join()


def test_broker_that_acknowledges_nothing_fills_no_memory(deaf_broker, monkeypatch):
    monkeypatch.setattr(mqtt, "_ACKNOWLEDGED_S", 0.001)
    monkeypatch.setattr(mqtt, "_PATIENCE_S", 0.1)
    port, _ = deaf_broker
    address = MqttAddress("127.0.0.1", port, tls=False, topic="x", options={"interval": "0", "discovery": ""})
    sink = mqtt.MqttSink(address, StreamInfo("m", ("flow",), 1.0, np.inf), lambda _: None)
    until(sink._client.is_connected)
    for number in range(0, 3000, 10):
        sink.write(results(number, 10, events=(5,)))
    assert len(sink._sent) <= 2 * mqtt._MOST_UNACKNOWLEDGED
    assert len(sink._client._out_messages) <= 2 * mqtt._MOST_UNACKNOWLEDGED + 2
    assert sink.dropped > 2000
    sink.close()


def test_stale_stream_is_offline_and_its_entities_expire(deaf_broker):
    port, heard = deaf_broker
    sink = mqtt.MqttSink(
        MqttAddress("127.0.0.1", port, tls=False, topic="x", options={}),
        StreamInfo("m", ("flow",), 1.0, np.inf),
        lambda _: None,
    )
    until(lambda: b"online" in heard)
    assert b"offline" not in heard
    event = StreamStale(1.7e9, 31.0, "readings")
    sink.health(Health(stale=True, stale_after_s=30.0, last_reading_s=None, last_result_s=None, events=(event,)))
    until(lambda: heard.count(b'"expire_after": 120') >= 4)
    assert b'"event": "stream_stale"' in heard
    assert heard.count(b"offline") == 1
    sink._client.disconnect()
    sink._client.loop_stop()


def scraped(sink):
    with urllib.request.urlopen(f"http://127.0.0.1:{sink.port}/metrics") as page:
        lines = [line.rpartition(" ") for line in page.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_score_of_a_stale_stream_is_none_until_the_next_result():
    pytest.importorskip("prometheus_client")
    sink = PrometheusSink("127.0.0.1", 0, StreamInfo("m", ("flow", "heat"), 1.0, np.inf))
    stale = Health(stale=True, stale_after_s=30.0, last_reading_s=7.0, last_result_s=None, silent=("heat",))
    with closing(sink):
        assert "saelite_score" not in scraped(sink)
        sink.write(results(0, 3))
        sink.status(Counters(read=3, silent=1))
        assert scraped(sink)["saelite_score"] == 2
        sink.health(stale)
        found = scraped(sink)
        assert np.isnan(found["saelite_score"])
        assert (found["saelite_stale"], found["saelite_last_reading_seconds"]) == (1, 7)
        assert (found['saelite_sensor_silent{sensor="flow"}'], found['saelite_sensor_silent{sensor="heat"}']) == (0, 1)
        assert (found["saelite_readings_read_total"], found["saelite_readings_silent"]) == (3, 1)
        sink.write(results(3, 1))
        assert scraped(sink)["saelite_score"] == 3


def test_home_assistant_is_told_when_a_state_is_too_old(tmp_path, model_path):
    from broker import MOSQUITTO, mosquitto, retained

    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    with mosquitto(tmp_path) as port:
        sink = f"mqtt://127.0.0.1:{port}/pump"
        process = start(model_path, "--source", "-", "--sink", sink, "--stale-after", "2s", cwd=tmp_path)
        process.stdin.write((",".join(SENSORS) + "\n").encode() + b"".join(map(line, pump_rows(5))))
        until(lambda: retained(port, "pump/availability", 1) == {"pump/availability": "online"})
        until(lambda: retained(port, "pump/availability", 1) == {"pump/availability": "offline"})
        topic = "homeassistant/sensor/saelite_pump/score/config"
        assert json.loads(retained(port, topic, 1)[topic])["expire_after"] == 60
        process.kill()
        process.communicate()


def test_limit_on_open_files_stops_the_scraper_alone(model_path, tmp_path):
    from broker import free_port

    port = free_port()
    limited = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (64, 64))
    process = start(
        model_path, "--source", "-", "--sink", f"prometheus:{port}", "--sink", "jsonl:a.jsonl", cwd=tmp_path,
        preexec_fn=limited,
    )  # fmt: skip
    process.stdin.write((",".join(SENSORS) + "\n").encode() + b"".join(map(line, pump_rows(5))))
    until(lambda: (tmp_path / "a.jsonl").exists() and (tmp_path / "a.jsonl").read_text().count("drift") == 3)
    clients = []
    for _ in range(100):
        with suppress(OSError):
            clients.append(socket.create_connection(("127.0.0.1", port), 1))
    process.stdin.write(b"".join(map(line, pump_rows(5))))
    until(lambda: (tmp_path / "a.jsonl").read_text().count("drift") == 8)
    for client in clients:
        client.close()
    process.kill()
    process.communicate()
