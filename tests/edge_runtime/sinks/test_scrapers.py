"""The page for scrapers: slow and silent clients hold up nothing, and a stale stream has no score."""

import resource
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing, suppress
from functools import partial

import numpy as np
import pytest
from broker import free_port
from live_process import PATIENCE_S, line, start, until
from machines import SENSORS, pump_rows
from numbered_results import results

from edge_runtime.common.counters import Counters
from edge_runtime.sinks.metrics_server import MOST_CLIENTS, MetricsServer
from edge_runtime.sinks.prometheus import PrometheusSink
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.health import Health


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


def scraped(sink):
    with urllib.request.urlopen(f"http://127.0.0.1:{sink.port}/metrics") as page:
        lines = [line.rpartition(" ") for line in page.read().decode().splitlines() if not line.startswith("#")]
    return {name.replace('machine="m",', "").replace('{machine="m"}', ""): float(value) for name, _, value in lines}


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


def test_machines_of_one_process_share_a_port():
    pytest.importorskip("prometheus_client")
    port = free_port()
    pumps = [PrometheusSink("127.0.0.1", port, StreamInfo(f"pump{n}", ("flow",), 1.0, np.inf)) for n in (1, 2)]
    for number, sink in enumerate(pumps):
        sink.write(results(number, 1))
    page = scrape(port).decode()
    assert page.count("# TYPE saelite_score gauge") == 1
    assert 'saelite_score{machine="pump1"} 0.0\nsaelite_score{machine="pump2"} 1.0\n' in page
    stale = Health(stale=True, stale_after_s=30.0, last_reading_s=7.0, last_result_s=None)
    health = f"http://127.0.0.1:{port}/healthz"
    pumps[0].health(stale)
    assert urllib.request.urlopen(health, timeout=PATIENCE_S).status == 200
    pumps[1].health(stale)
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(health, timeout=PATIENCE_S)
    pumps[0].close()
    page = scrape(port).decode()
    assert 'saelite_running{machine="pump1"} 0.0\nsaelite_running{machine="pump2"} 1.0\n' in page
    assert 'saelite_score{machine="pump1"}' not in page
    pumps[1].close()
    with pytest.raises(OSError, match="refused"):
        scrape(port)


def test_limit_on_open_files_stops_the_scraper_alone(model_path, tmp_path):
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
