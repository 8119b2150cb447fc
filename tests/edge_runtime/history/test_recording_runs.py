"""`saelite run --history` as a live process: alarms are on the disk before they are announced, marks arrive in it."""

import json
import sqlite3
import time
from contextlib import closing

import numpy as np
import pytest
from broker import MOSQUITTO, mosquitto, retained
from live_process import start, timed_line, until
from machines import SENSORS, pump_rows

from edge_runtime.history.history import History
from edge_runtime.history.records import Mark

HEADER = ("time," + ",".join(SENSORS) + "\n").encode()


def faulty(rows, sensor=3):
    """Return readings with a fault of one sensor."""
    rows = rows.copy()
    rows[:, sensor] *= 4
    return rows


def feed(process, first, rows):
    process.stdin.write(b"".join(timed_line(first + number, row) for number, row in enumerate(rows)))


def event_of(process, name):
    """Return the next event of a name on standard output."""
    for line in iter(process.stdout.readline, b""):
        record = json.loads(line)
        if record.get("event") == name:
            return record
    raise AssertionError(process.stderr.read().decode())


@pytest.fixture
def run(model_path, tmp_path):
    processes = []

    def started(*options):
        processes.append(start(model_path, "--source", "-", "--history", "site.db", *options, cwd=tmp_path))
        return processes[-1]

    yield started
    for process in processes:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def test_alarm_is_in_the_history_when_standard_output_announces_it(run, tmp_path):
    process = run()
    rows = pump_rows(400, seed=3)
    process.stdin.write(HEADER)
    feed(process, 0, rows[:100])
    feed(process, 100, faulty(rows[100:130]))
    event = event_of(process, "alarm_started")
    (alarm,) = History.read(tmp_path / "site.db").alarms()
    assert alarm.ended_s is None
    assert [one.sensor for one in alarm.blamed] == [one["sensor"] for one in event["blamed"]]
    feed(process, 130, rows[130:])
    event_of(process, "alarm_ended")
    history = History.read(tmp_path / "site.db")
    assert history.alarms()[0].ended_s is not None
    process.stdin.close()
    assert process.wait() == 0
    assert history.trend(alarm.machine, 0, 400, 10).counts.sum() > 390
    kept = np.concatenate([part.values for part in history.excerpts(alarm.machine)])
    assert kept == pytest.approx(np.concatenate([rows[2:100], faulty(rows[100:130]), rows[130:]]), rel=1e-6)
    assert history.models(alarm.machine)[0].name == alarm.machine
    history.close()


def test_run_that_is_killed_in_an_alarm_ends_it_where_it_was_seen_last(run, tmp_path):
    rows = pump_rows(400, seed=3)
    process = run()
    process.stdin.write(HEADER)
    feed(process, 0, rows[:100])
    feed(process, 100, faulty(rows[100:130]))
    event_of(process, "alarm_started")
    process.kill()
    process.wait()
    process = run()
    process.stdin.write(HEADER)
    feed(process, 1000, rows[200:])
    process.stdin.close()
    assert process.wait() == 0
    (alarm,) = History.read(tmp_path / "site.db").alarms()
    assert 100 <= alarm.ended_s < 1000


def test_ignored_sensor_starts_no_alarm_and_another_one_does(run, tmp_path):
    process = run("--sink", "jsonl:-")
    rows = pump_rows(1000, seed=3)
    process.stdin.write(HEADER)
    feed(process, 0, rows[:100])
    feed(process, 100, faulty(rows[100:130]))
    event_of(process, "alarm_started")
    history = History.read(tmp_path / "site.db")
    alarm = history.alarms()[0]
    history.mark(alarm.id, Mark("ignore", "Ann", time.time()))
    until(lambda: b"sensor 'vibration' is ignored until" in process.stderr.readline())
    feed(process, 130, faulty(rows[130:131]))
    ended = event_of(process, "alarm_ended")
    assert ended["time"].startswith("1970-01-01T00:02:10"), "the current alarm ends at once"
    feed(process, 131, faulty(rows[131:200]))
    feed(process, 200, rows[200:300])
    feed(process, 300, faulty(rows[300:330], sensor=2))
    until(lambda: len(history.alarms()) == 2)
    assert history.alarms()[0].blamed[0].sensor == "current"
    assert history.alarms()[0].started_s >= 300
    process.stdin.close()
    process.wait()
    assert b" ignored" in process.stderr.read()
    process = run()
    process.stdin.write(HEADER)
    feed(process, 2000, rows[:100])
    feed(process, 2100, faulty(rows[100:130]))
    process.stdin.close()
    process.wait()
    assert len(history.alarms()) == 2, "it is still ignored after a restart"
    history.close()


def test_history_that_is_something_else_ends_the_start_with_an_error(run, tmp_path):
    (tmp_path / "site.db").write_text("time,flow\n")
    process = run()
    errors = process.stderr.read()
    process.wait()
    assert process.returncode == 1
    assert b"is not a history of saelite" in errors
    assert (tmp_path / "site.db").read_text() == "time,flow\n"


def test_history_is_kept_within_what_history_keep_says(run, tmp_path):
    process = run("--history-keep", "1d,5MB")
    process.stdin.write(HEADER)
    process.stdin.close()
    process.wait()
    process = run("--history-keep", "tomorrow")
    errors = process.stderr.read()
    process.wait()
    assert process.returncode == 2
    assert b"expected an age, a size, or both" in errors


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_marks_come_by_mqtt_and_are_shown_again(run, tmp_path):
    import subprocess

    def publish(port, payload, *options):
        subprocess.run(
            ["mosquitto_pub", "-p", str(port), "-t", "pump/command", "-q", "1", *options, "-m", payload], check=True
        )

    with mosquitto(tmp_path) as port:
        publish(port, json.dumps({"mark": "real", "alarm": "last"}), "-r")
        process = run("--sink", "jsonl:-", "--sink", f"mqtt://127.0.0.1:{port}/pump")
        rows = pump_rows(400, seed=3)
        process.stdin.write(HEADER)
        feed(process, 0, rows[:100])
        feed(process, 100, faulty(rows[100:130]))
        event_of(process, "alarm_started")
        prefix = "homeassistant/button/saelite_pump"
        keys = [f"{prefix}/{key}/config" for key in ("false_alarm", "real", "ignore")]
        until(lambda: sorted(retained(port, f"{prefix}/+/config", 3)) == sorted(keys))
        buttons = {topic: json.loads(text) for topic, text in retained(port, f"{prefix}/+/config", 3).items()}
        until(lambda: b"it is retained" in process.stderr.readline())
        history = History.read(tmp_path / "site.db")
        for payload in ("{", "[" * 4000, '{"mark": "real", "alarm": 99}', '{"mark": "real"}', "x" * 5000,
                        '{"mark": "real", "alarm": 1, "note": "\\ud800"}'[:-1], '{"mark": 1, "alarm": 1}'):  # fmt: skip
            publish(port, payload)
        publish(port, buttons[keys[0]]["payload_press"])
        until(lambda: history.alarms()[0].marks)
        (mark,) = history.alarms()[0].marks
        assert (mark.kind, mark.who) == ("false_alarm", "Home Assistant")
        until(lambda: "false_alarm" in retained(port, "pump/feedback", 1)["pump/feedback"])
        publish(port, buttons[keys[2]]["payload_press"])
        until(lambda: len(history.alarms()[0].marks) == 2)
        until(lambda: json.loads(retained(port, "pump/feedback", 1)["pump/feedback"])["ignored"] == ["vibration"])
        history.mark(1, Mark("real", "Bob", time.time(), "seal"))
        until(lambda: json.loads(retained(port, "pump/feedback", 1)["pump/feedback"])["note"] == "seal")
        history.close()


def test_history_of_a_run_is_sound(run, tmp_path):
    process = run()
    process.stdin.write(HEADER)
    feed(process, 0, pump_rows(500))
    process.stdin.close()
    process.wait()
    with closing(sqlite3.connect(tmp_path / "site.db")) as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
