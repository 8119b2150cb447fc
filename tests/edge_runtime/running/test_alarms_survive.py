"""Killed at any moment, a stream announces each alarm at least once: what a sink had not written comes again."""

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace

import pytest
from broker import MOSQUITTO, free_port, mosquitto
from live_process import PATIENCE_S, start, timed_line, until
from machines import SENSORS, pump_rows

from edge_runtime.streaming.state import read_state, write_state

HEADER = (",".join(["time", *SENSORS]) + "\n").encode()
GOOD = pump_rows(10, seed=5)
BAD = GOOD + 1000 * GOOD.std(axis=0)


@pytest.fixture
def stream(model_path, tmp_path):
    """Start a stream with some sinks; it is killed in the end."""
    started = []

    def begin(*sinks, history=None):
        kept = () if history is None else ("--history", history)
        options = (*kept, "--state", "s.json", "--state-interval", "0.05s", "--stale-after", "1h")
        command = (model_path, "--source", "-", *options, *(f"--sink={sink}" for sink in sinks))
        started.append(start(*command, cwd=tmp_path))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


@pytest.fixture
def killed_in_alarm(stream, tmp_path):
    """Let a stream come into an alarm, and kill it when its state knows of that, and of one sink that waits."""

    def is_saved():
        state = read_state(tmp_path / "s.json") if (tmp_path / "s.json").exists() else None
        return state is not None and state.alarm.started_s is not None and len(state.unwritten) == 1

    def kill(*sinks, history=None):
        process = stream(*sinks, history=history)
        process.stdin.write(HEADER + b"".join(timed_line(second, row) for second, row in enumerate([*GOOD, *BAD])))
        until(is_saved)
        process.kill()
        process.wait()

    return kill


def events(text):
    """Return the names and times of the events in lines."""
    return [(one["event"], one["time"]) for one in map(json.loads, text.splitlines()) if "event" in one]


def test_alarm_on_its_way_into_a_pipe_is_announced_after_a_kill(stream, killed_in_alarm, tmp_path):
    # Nobody has read from the pipe: the alarm is in the state, and in the hand of a sink that waits.
    os.mkfifo(tmp_path / "pipe")
    killed_in_alarm("alarms:pipe", "alarms:file")
    before = (tmp_path / "file").read_text()
    assert [name for name, _ in events(before)] == ["alarm_started"]
    process = stream("alarms:pipe", "alarms:file")
    with (tmp_path / "pipe").open() as pipe:
        assert events(pipe.readline()) == events(before)
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 0
    assert (tmp_path / "file").read_text() == before, "what surely was written does not come twice"
    assert read_state(tmp_path / "s.json").unwritten == ()


def test_alarm_that_never_left_is_remembered_when_the_stream_ends(stream, killed_in_alarm, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    killed_in_alarm("alarms:pipe")
    process = stream("alarms:pipe")
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 0
    assert [len(owed.events) for owed in read_state(tmp_path / "s.json").unwritten] == [1]


def test_alarm_that_another_model_had_is_announced_too(stream, killed_in_alarm, model_path, tmp_path, train_head):
    from export.export_run import ExportSettings, export_run

    os.mkfifo(tmp_path / "pipe")
    killed_in_alarm("alarms:pipe")
    export_run(train_head("spe"), ExportSettings("int8")).write(model_path)
    process = stream("alarms:pipe")
    with (tmp_path / "pipe").open() as pipe:
        assert [name for name, _ in events(pipe.readline())] == ["alarm_started"]
    assert b"belongs to another model" in process.stderr.readline()


@pytest.mark.parametrize("history", [None, "h.db"], ids=["lacks it", "has it"])
def test_alarm_is_once_in_the_history_after_a_kill(stream, killed_in_alarm, tmp_path, history):
    os.mkfifo(tmp_path / "pipe")
    killed_in_alarm("alarms:pipe", history=history)
    # As if the state had been saved a moment before the history was to take the alarm.
    state = read_state(tmp_path / "s.json")
    owed = (replace(state.unwritten[0], sink="history h.db"),)
    write_state(tmp_path / "s.json", replace(state, unwritten=owed))
    process = stream("alarms:file", history="h.db")
    process.stdin.write(HEADER + timed_line(30, BAD[0]))
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 0
    with closing(sqlite3.connect(tmp_path / "h.db")) as kept:
        assert kept.execute("SELECT started_s FROM alarm").fetchall() == [(state.alarm.started_s,)]


@pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto here (Debian: apt-get install mosquitto)")
def test_alarm_while_the_broker_is_away_reaches_it_after_a_kill(stream, killed_in_alarm, tmp_path):
    port = free_port()
    killed_in_alarm(f"mqtt://127.0.0.1:{port}/pump")
    with mosquitto(tmp_path, port):
        # A session that the broker keeps: it holds what comes before anybody listens again.
        listen = ["mosquitto_sub", "-p", str(port), "-t", "pump/event", "-q", "1", "-c", "-i", "listener"]
        subprocess.run([*listen, "-E"], check=True)
        process = stream(f"mqtt://127.0.0.1:{port}/pump")
        options = ["-C", "1", "-W", str(PATIENCE_S)]
        heard = subprocess.run([*listen, *options], capture_output=True, text=True, check=False).stdout
        assert [name for name, _ in events(heard)] == ["alarm_started"]
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
    assert read_state(tmp_path / "s.json").unwritten == ()
