"""Whether a stream is alive: silent sources and sensors are told, and the watchdog hears of progress alone."""

import json
import socket
import time
from contextlib import closing, suppress

import numpy as np
import pytest
from live_process import PATIENCE_S, line, start
from machines import SENSORS, pump_rows

from edge_runtime.running.sd_notify import notify
from edge_runtime.streaming.health import HealthWatch


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
        # As a live source does, for as long as it takes: health is looked at once a second.
        notified.settimeout(0.2)
        fed, give_up_s = b"", time.monotonic() + PATIENCE_S
        while not fed and time.monotonic() < give_up_s:
            process.stdin.write(line(pump_rows(1)[0]))
            with suppress(TimeoutError):
                fed = notified.recv(100)
        assert fed == b"WATCHDOG=1"
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
