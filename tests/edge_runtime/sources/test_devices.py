"""Sources and sinks against real counterparts: a pseudo-terminal, a mosquitto, a scraper, a notification socket."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import tty
import urllib.request

import pytest
from broker import MOSQUITTO, free_port, mosquitto, retained
from live_process import PATIENCE_S, line, next_score, start, until
from machines import SENSORS, pump_rows, write_csv

from edge_runtime.sinks.home_assistant import slug
from edge_runtime.sources.queued import IteratorSource
from edge_runtime.sources.source_spec import open_source

NAN = float("nan")
# Two machines may run the same model: each has a topic of its own.
BASE = f"saelite/{slug(socket.gethostname())}/pump"
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


@pytest.fixture
def broker(tmp_path):
    with mosquitto(tmp_path) as port:
        yield port


@pytest.fixture
def running():
    """Start `saelite run` and end it after the test."""
    processes = []

    def begin(*arguments, **options):
        processes.append(start(*arguments, **options))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def publish(port, topic, text, *options):
    command = ["mosquitto_pub", "-p", str(port), "-t", topic, "-q", "1", "-m", text, *options]
    subprocess.run(command, check=True)


@pytest.fixture
def terminal():
    """A pseudo-terminal: our side's descriptor and the device's name."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    for descriptor in (ours, theirs):
        os.close(descriptor)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_microcontroller_on_a_serial_port(running, model_path, tmp_path, terminal, form):
    ours, name = terminal
    process = running(model_path, "--source", f"serial:{name}?baud=9600&format={form}", cwd=tmp_path)
    # It takes a moment until the port is open: what came before is gone, as on a real one.
    rows = [dict(zip(SENSORS, row.tolist(), strict=True)) for row in pump_rows(400)]
    os.set_blocking(process.stdout.fileno(), False)
    scored = b""
    for row in rows:
        text = json.dumps(row).encode() + b"\n" if form == "jsonl" else line(row.values())
        os.write(ours, text)
        scored += process.stdout.read() or b""
        if scored.count(b"\n") > 3:
            break
        time.sleep(0.05)
    assert json.loads(scored.splitlines()[0])["score"] > 0


def test_unplugged_serial_port_is_opened_again(running, model_path, tmp_path):
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    link = tmp_path / "ttyUSB0"
    link.symlink_to(os.ttyname(theirs))
    os.close(theirs)
    process = running(model_path, "--source", f"serial:{link}", "--state", "s.json", cwd=tmp_path)
    until((tmp_path / "s.json").exists)
    os.close(ours)
    assert b"is lost" in process.stderr.readline()
    again, device = os.openpty()
    tty.setraw(device)
    link.unlink()
    link.symlink_to(os.ttyname(device))
    assert b"is back" in process.stderr.readline()
    for row in pump_rows(5):
        os.write(again, line(row))
    assert next_score(process) > 0
    os.close(again)
    os.close(device)


def readings_of(source, count):
    """Return the times of so many readings."""
    times = []
    until(lambda: times.extend(source.poll(0.1).times.tolist()) or len(times) >= count)
    source.close()
    return times


@needs_broker
def test_time_of_arrival_is_left_to_the_stream(terminal, broker):
    # It alone knows that such readings may come unpunctually.
    ours, name = terminal
    names, row = ("flow", "heat"), {"flow": 1, "heat": 2}
    serial = open_source(f"serial:{name}?format=jsonl", names, print)
    listened = []
    mqtt = open_source(f"mqtt://127.0.0.1:{broker}/plant", names, listened.append)
    until(lambda: listened)
    for reading in (row, row, row | {"time": 5}):
        publish(broker, "plant", json.dumps(reading))
        os.write(ours, json.dumps(reading).encode() + b"\n")
    assert readings_of(serial, 2) == pytest.approx([NAN, 5], nan_ok=True), "the first line may be half a line"
    assert readings_of(mqtt, 3) == pytest.approx([NAN, NAN, 5], nan_ok=True)
    mine = IteratorSource("mine", lambda: iter([row, row | {"time": 5}]), names)
    assert readings_of(mine, 2) == pytest.approx([NAN, 5], nan_ok=True)


@needs_broker
def test_messages_in_and_out(running, model_path, tmp_path, broker):
    process = running(
        model_path, "--source", f"mqtt://127.0.0.1:{broker}/plant/+", "--sink", "jsonl:-",
        "--sink", f"mqtt://127.0.0.1:{broker}/watch/pump?interval=0", cwd=tmp_path,
    )  # fmt: skip
    until(lambda: retained(broker, "watch/pump/availability", 1) == {"watch/pump/availability": "online"})
    assert b"/plant/+ is connected" in process.stderr.readline()
    # With times of their own: however slowly they come on a busy machine, it is no gap.
    for second, row in enumerate(pump_rows(4)):
        publish(broker, "plant/pump", json.dumps({"time": second} | dict(zip(SENSORS, row.tolist(), strict=True))))
    publish(broker, "plant/pump", "no reading")
    scores = [next_score(process), next_score(process)]
    until(lambda: json.loads(retained(broker, "watch/pump/state", 1)["watch/pump/state"])["score"] == scores[-1])
    state = json.loads(retained(broker, "watch/pump/state", 1)["watch/pump/state"])
    assert set(state) == {
        "time", "score", "threshold", "alarm", "since", "learning", "blamed", "explanation", "sensors", "drift",
    }  # fmt: skip
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert b"4 read, 2 scored, 2 filling, 1 lost" in err
    assert retained(broker, "watch/pump/availability", 1) == {"watch/pump/availability": "offline"}


@needs_broker
def test_home_assistant_finds_the_detector(running, model_path, tmp_path, broker):
    running(model_path, "--source", "-", "--sink", f"mqtt://127.0.0.1:{broker}", cwd=tmp_path)
    found = retained(broker, "homeassistant/#", 5)
    configs = {topic.split("/")[-2]: json.loads(payload) for topic, payload in found.items()}
    assert set(configs) == {"score", "alarm", "blamed", "explanation", "drift"}
    assert configs["alarm"]["device_class"] == "problem"
    assert len({config["unique_id"] for config in configs.values()}) == 5
    assert {config["state_topic"] for config in configs.values()} == {f"{BASE}/state"}


@needs_broker
def test_alarm_is_published_with_the_sensor_to_blame(running, model_path, tmp_path, broker):
    process = running(model_path, "--source", "-", "--sink", f"mqtt://127.0.0.1:{broker}", cwd=tmp_path)
    until(lambda: retained(broker, f"{BASE}/availability", 1) == {f"{BASE}/availability": "online"})
    rows = pump_rows(30)
    rows[10:, 1] += 100_000
    process.stdin.write((",".join(SENSORS) + "\n").encode() + b"".join(map(line, rows)))
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 0
    state = json.loads(retained(broker, f"{BASE}/state", 1)[f"{BASE}/state"])
    assert (state["alarm"], state["blamed"]) == (True, "pressure")


@needs_broker
def test_machine_that_goes_off_is_not_left_alarming(running, model_path, tmp_path, broker):
    sink = f"mqtt://127.0.0.1:{broker}"
    process = running(model_path, "--source", "-", "--only-when", "current > 0.5", "--sink", sink, cwd=tmp_path)
    until(lambda: retained(broker, f"{BASE}/availability", 1) == {f"{BASE}/availability": "online"})
    rows = pump_rows(30)
    rows[10:, 1] += 100_000
    process.stdin.write((",".join(SENSORS) + "\n").encode() + b"".join(map(line, rows)))
    process.stdin.flush()
    until(lambda: json.loads(retained(broker, f"{BASE}/state", 1)[f"{BASE}/state"])["alarm"])
    rows[:, 2] = 0.0
    process.stdin.write(line(rows[0]))
    process.stdin.flush()
    until(lambda: not json.loads(retained(broker, f"{BASE}/state", 1)[f"{BASE}/state"])["alarm"])


@needs_broker
def test_last_will_says_offline_after_a_crash(running, model_path, tmp_path, broker):
    process = running(model_path, "--source", "-", "--sink", f"mqtt://127.0.0.1:{broker}", cwd=tmp_path)
    until(lambda: retained(broker, f"{BASE}/availability", 1) == {f"{BASE}/availability": "online"})
    process.kill()
    until(lambda: retained(broker, f"{BASE}/availability", 1) == {f"{BASE}/availability": "offline"})


@needs_broker
def test_broker_that_comes_back_is_told_the_state_again(running, model_path, tmp_path):
    port = free_port()
    process = running(model_path, "--source", "-", "--sink", f"mqtt://127.0.0.1:{port}", cwd=tmp_path)
    assert b"cannot be reached" in process.stderr.readline()
    with mosquitto(tmp_path, port):
        assert retained(port, f"{BASE}/availability", 1) == {f"{BASE}/availability": "online"}


@needs_broker
def test_password_comes_from_a_file_and_is_shown_nowhere(running, model_path, tmp_path):
    passwords, secret = tmp_path / "passwords", tmp_path / "secret"
    secret.write_text("a-well-kept-secret\n")
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "pump", "a-well-kept-secret"], check=True)
    options = ["allow_anonymous false", f"password_file {passwords}", "user root"]
    with mosquitto(tmp_path, options=options) as port:
        environment = {"SAELITE_MQTT_USERNAME": "pump", "SAELITE_MQTT_PASSWORD_FILE": str(secret)}
        process = running(
            model_path, "--source", "-", "--sink", f"mqtt://127.0.0.1:{port}", cwd=tmp_path, env=environment
        )
        login = ("-u", "pump", "-P", "a-well-kept-secret")
        assert retained(port, f"{BASE}/availability", 1, options=login)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert b"secret" not in out + err


def test_prometheus_scrapes_results_and_counts(running, model_path, tmp_path):
    port = free_port()
    process = running(model_path, "--source", "-", "--sink", f"prometheus:{port}", "--sink", "jsonl:-", cwd=tmp_path)
    process.stdin.write((",".join(SENSORS) + "\n").encode() + b"".join(map(line, pump_rows(10))) + b"\xff\x00\n")
    scores = [next_score(process) for _ in range(8)]

    def text():
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()

    def metrics():
        shown = re.findall(r"^(\w+)\{(machine=\"pump\"[^}]*)\} (\S+)$", text(), re.MULTILINE)
        return {name + labels.removeprefix('machine="pump"'): float(value) for name, labels, value in shown}

    until(lambda: metrics().get("saelite_readings_scored_total") == 8)
    shown = metrics()
    assert shown["saelite_running"] == 1
    assert shown["saelite_score"] == pytest.approx(scores[-1], rel=1e-5)
    assert shown["saelite_readings_lost_total"] == 1
    contributions = {name for name in shown if name.startswith("saelite_contribution")}
    assert 1 <= len(contributions) <= 3
    assert all(shown[name] != 0 for name in contributions)
    assert "# TYPE saelite_readings_scored_total counter" in text()
    assert "# TYPE saelite_readings_waiting gauge" in text()


def test_taken_port_is_named(saelite, model_path, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(5))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = saelite("run", model_path, "--source", "csv:log.csv", "--sink", f"prometheus:{port}")
    assert result.returncode == 1
    assert f"cannot serve metrics on 127.0.0.1:{port}" in result.stderr


def test_systemd_hears_ready_watchdog_and_stopping(running, model_path, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        process = running(model_path, "--source", "-", cwd=tmp_path, env=environment)
        assert [systemd.recv(100), systemd.recv(100)] == [b"READY=1", b"WATCHDOG=1"]
        process.send_signal(signal.SIGHUP)
        heard = set()
        while b"READY=1" not in heard:  # the new file is tried first, which takes a while
            heard.add(systemd.recv(100).partition(b"\n")[0])
        assert b"RELOADING=1" in heard
        process.send_signal(signal.SIGTERM)
        while systemd.recv(100) != b"STOPPING=1":
            pass


def test_watchdog_barks_not_for_another_process(monkeypatch):
    from edge_runtime.running.sd_notify import watchdog_period_s

    monkeypatch.setenv("WATCHDOG_USEC", "4000000")
    assert watchdog_period_s() == 2.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_period_s() is None


def test_this_machine_as_source(saelite, tmp_path):
    from streaming_machine import write_model

    from edge_runtime.sources.host import HostSource

    source = HostSource(rate_hz=50)
    source.read()
    names = tuple(name for name in source.read().values if name.startswith(("cpu", "memory")))
    write_model(tmp_path / "host.tflite", sensors=names)
    result = saelite("run", "host.tflite", "--source", "host?rate=20", "--duration", "2s")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count('"drift"') > 10
