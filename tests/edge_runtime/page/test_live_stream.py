"""What is streamed is the newest, at most four times per second, whoever reads or does not."""

import http.client
import json
import socket
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="the extra web is not installed")
pytest.importorskip("starlette", reason="the extra web is not installed")

from live_process import PATIENCE_S, until
from page_client import ask, info, next_event, scored, serving, watching

from edge_runtime.common.counters import Counters
from edge_runtime.page import connections, watchers
from edge_runtime.page.machine import WatchedMachine
from edge_runtime.streaming.alarm_events import AlarmEnded, AlarmStarted
from edge_runtime.streaming.health import Health
from edge_runtime.streaming.learning_events import LearningStarted

STALE = Health(stale=True, stale_after_s=10.0, last_reading_s=7.0, last_result_s=7.0, silent=("heat",))
STARTED, ENDED = AlarmStarted(1000.0, 2.0, 1.0, ()), AlarmEnded(1001.0, 1000.0, 1.0, 2.0, ())


@pytest.fixture
def page():
    with serving() as (server, machine):
        yield server, machine


def test_newest_reading_arrives_with_its_expected_value_and_share_of_the_blame(page):
    server, machine = page
    port = server.port
    with watching(port) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert next_event(answer)["state"] == "starting"
        machine.take(scored(0.5, expected=61.0))
        machine.take_counters(Counters(read=3, scored=1))
        while (event := next_event(answer))["score"] is None or not event["counts"]:
            pass
    assert (event["state"], event["score"], event["threshold"], event["drift"]) == ("well", 0.5, 1.0, None)
    assert event["sensors"]["values"] == [30.0, 61.5]
    assert event["sensors"]["expected"] == [61.0, 61.0]
    assert event["sensors"]["shares"] == [0.25, 0.75]
    assert event["counts"] == {"read": 3, "scored": 1}


def test_expected_values_stay_until_newer_ones_are_computed():
    machine = WatchedMachine(info())
    machine.take(scored(0.5, expected=61.0))
    machine.take(scored(0.6))
    found = machine.snapshot()
    assert (found["score"], found["sensors"]["expected"]) == (0.6, [61.0, 61.0])


def test_peak_between_two_looks_is_not_lost():
    machine = WatchedMachine(info())
    for score in (0.5, 3.0, 0.4):
        machine.take(scored(score))
    assert (machine.snapshot()["score"], machine.snapshot()["peak"]) == (0.4, 0.4)
    machine.take(scored(3.0))
    machine.take(scored(0.4))
    assert machine.snapshot()["peak"] == 3.0


def test_state_is_that_of_alarm_silence_and_results_in_this_order():
    machine = WatchedMachine(info())
    assert machine.state == "starting"
    machine.take(scored(0.5))
    assert machine.state == "well"
    machine.take_health(STALE)
    assert (machine.state, machine.snapshot()["score"]) == ("stale", None)
    machine.take(scored(2.0, alarm=True, events=[STARTED]))
    assert (machine.state, machine.snapshot()["alarm_changes"]) == ("alarm", 1)
    machine.take(scored(2.0).part(np.array([], int)))
    assert machine.state == "alarm"


def test_machine_that_is_being_learnt_is_not_called_well():
    machine = WatchedMachine(info())
    machine.take(replace(scored(0.5), learning=True))
    machine.take_health(replace(STALE, stale=False, events=(LearningStarted(1000.0, 3600.0, 0.25),)))
    found = machine.snapshot()
    assert (found["state"], found["learn_s"]) == ("learning", 3600.0)
    machine.take(scored(0.5))
    assert machine.state == "well"


def test_alarm_that_ends_when_the_machine_goes_off_is_over():
    machine = WatchedMachine(info())
    machine.take(scored(2.0, alarm=True, events=[STARTED]))
    off = scored(2.0, alarm=True, events=[ENDED])
    machine.take(off)
    assert machine.state == "well"


def test_results_that_come_fast_are_looked_at_four_times_per_second(page):
    server, machine = page
    port = server.port
    stop = threading.Event()

    def hurry():
        while not stop.wait(0.001):
            machine.take(scored(0.5))

    thread = threading.Thread(target=hurry)
    thread.start()
    try:
        with watching(port) as answer:
            next_event(answer)
            started_s, count = time.monotonic(), 6
            for _ in range(count):
                next_event(answer)
            assert time.monotonic() - started_s > (count - 1) * watchers.PERIOD_S * 0.9
    finally:
        stop.set()
        thread.join()


def test_nothing_is_computed_while_nobody_watches(page):
    server, machine = page
    port = server.port
    machine.take(scored(9.0))
    time.sleep(3 * watchers.PERIOD_S)
    machine.take(scored(0.5))
    with watching(port) as answer:
        # The highest score since somebody last looked may be hours old: it is not shown as now.
        assert next_event(answer)["peak"] == 0.5


def test_all_clients_are_told_of_all_machines(page):
    server, machine = page
    port = server.port
    with serving() as (other, second):
        assert second.info.name == machine.info.name
        other.hub.machines = {"pump": second, "press": WatchedMachine(info("press"))}
        with watching(other.port, "press") as answer:
            assert [one["name"] for one in next_event(answer, "machines")] == ["pump", "press"]
            second.take(scored(2.0, alarm=True, events=[STARTED]))
            assert next_event(answer, "machines")[0] == {"name": "pump", "state": "alarm", "ratio": 2.0}
    assert ask(port, "/api/machines")[0] == 200


def test_machine_that_takes_anothers_place_is_shown_though_it_changed_as_often(page):
    server, machine = page
    held = WatchedMachine(info())
    held.down("no such file")
    machine.marked()
    assert held.changes == machine.changes
    server.hold(held)
    with watching(server.port) as answer:
        assert next_event(answer)["state"] == "starting"
        server.remove(machine)
        found = next_event(answer)
    assert (found["state"], found["down"]) == ("down", "no such file")


def test_clients_beyond_the_limit_are_told_to_come_later(page, monkeypatch):
    monkeypatch.setattr(watchers, "MOST_WATCHERS", 2)
    port = page[0].port
    with watching(port) as first, watching(port) as second:
        next_event(first)
        next_event(second)
        status, headers, body = ask(port, "/api/live?machine=pump")
        assert (status, headers["retry-after"]) == (503, "10")
        assert b"Too many pages are open" in body
    until(lambda: ask(port, "/api/machines")[0] == 200)


def test_client_that_reads_nothing_is_dropped_and_holds_up_nobody(page, monkeypatch):
    monkeypatch.setattr(connections, "PATIENCE_S", 1.0)
    monkeypatch.setattr(watchers, "PERIOD_S", 0.01)
    server, machine = page
    # Many names, so that a snapshot is large and the buffers between the two are soon full.
    machine.take_health(Health(False, 10.0, 7.0, 7.0, tuple(f"sensor {number}" for number in range(5000))))
    with socket.socket() as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect(("127.0.0.1", server.port))
        stalled.sendall(b"GET /api/live?machine=pump HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with watching(server.port) as answer:
            until(lambda: server.hub.watchers.count == 2)
            end_s = time.monotonic() + PATIENCE_S
            while server.hub.watchers.count == 2:
                machine.take(scored(0.5))
                next_event(answer)
                assert time.monotonic() < end_s, "the stalled client was never dropped"
            machine.take(scored(0.7))
            while next_event(answer)["score"] != 0.7:
                pass


def test_client_that_says_nothing_or_trickles_is_hung_up_on(page, monkeypatch):
    monkeypatch.setattr(connections, "PATIENCE_S", 0.5)
    silent, slow = (socket.create_connection(("127.0.0.1", page[0].port)) for _ in range(2))
    with silent, slow:
        until(lambda: is_hung_up_on(slow, b"G"))
        assert is_hung_up_on(silent)


def is_hung_up_on(client, word=b""):
    """Say a word, and return whether nobody is there any more."""
    client.settimeout(0.05)
    try:
        client.sendall(word)
        return client.recv(10) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_connections_beyond_the_limit_are_refused_and_the_page_stays(page, monkeypatch):
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 5)
    port = page[0].port
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    for client in clients:
        client.close()
    until(lambda: ask_or_none(port) == 200)


def ask_or_none(port):
    try:
        return ask(port, "/api/machines")[0]
    except OSError:
        return None


def test_requests_that_are_none_are_answered_in_silence(page, capfd):
    port = page[0].port
    rng = np.random.default_rng(3)
    for number in range(200):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(PATIENCE_S)
            start = [b"", b"GET ", b"POST /api/mark HTTP/1.1\r\nContent-Length: 9\r\n"][number % 3]
            client.sendall(start + rng.bytes(rng.integers(0, 200)) + b"\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
    until(lambda: is_served(port))  # as long as connections are left to close, it may refuse more
    assert capfd.readouterr() == ("", "")


def is_served(port):
    try:
        return ask(port, "/api/machines")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def test_stream_ends_with_the_server():
    with serving() as (server, _), watching(server.port) as answer:
        next_event(answer)
        server.close()
        assert b"event" not in answer.read()[-5:]
        assert not server._serving._thread.is_alive()


def test_facts_of_every_machine_are_given_once(page):
    port = page[0].port
    status, _, body = ask(port, "/api/machines")
    found = json.loads(body)
    assert status == 200
    assert found["open"]
    (machine,) = found["machines"]
    assert machine["name"] == "pump"
    assert [one["name"] for one in machine["sensors"]] == ["flow", "heat"]
