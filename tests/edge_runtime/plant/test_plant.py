"""`saelite run plant.toml` as a process: several machines, some of which fail, and the signals that end them."""

import json
import re
import shutil
import signal
import socket
import subprocess
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest
from broker import MOSQUITTO, free_port, mosquitto, retained
from live_process import PATIENCE_S, start, until
from machines import SENSORS, pump_rows, write_csv

from edge_runtime.plant import machine_watch
from edge_runtime.plant.machine_watch import MachineWatch, Phase
from edge_runtime.plant.plant import Plant
from edge_runtime.plant.plant_file import read_plant
from edge_runtime.streaming.state import read_state

# Readings as a live source gives them: ten at once, then none.
SOURCES = """
import sys, time
sys.path.append({folder!r})
from machines import pump_rows

def ten():
    yield from pump_rows(10, seed=5).tolist()
    time.sleep(1000)

def faulty():
    yield from pump_rows(10, seed=5).tolist()
    for row in pump_rows(20, seed=5).tolist():
        yield [3 * value for value in row]
    time.sleep(1000)

def one_by_one():
    for row in pump_rows(100_000, seed=6).tolist():
        yield row
        time.sleep(0.05)
"""
ALL = '[defaults]\nmodel = "pump.tflite"\nstate = "{machine}.json"\nstate-interval = 0.2\n'


@pytest.fixture
def plant(model_path, tmp_path):
    """Start `saelite run plant.toml` with a text; end what is left of it."""
    assert model_path.parent == tmp_path
    (tmp_path / "mine.py").write_text(SOURCES.format(folder=str(Path(__file__).parents[2] / "support")))
    with ExitStack() as stack:

        def run(text, **options):
            (tmp_path / "plant.toml").write_text(text)
            process = start("plant.toml", cwd=tmp_path, **options)
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        yield run


def machines(*names, **keys):
    """Return tables of machines with the same keys."""
    lines = "".join(f"{word.replace('_', '-')} = {json.dumps(value)}\n" for word, value in keys.items())
    return "".join(f"[machine.{name}]\n{lines}" for name in names)


def results_of(process, count):
    """Return the next `count` results on standard output by machine."""
    found = {}
    for _ in range(count):
        record = json.loads(process.stdout.readline())
        found.setdefault(record.pop("machine"), []).append(record)
    return found


def until_told(process, *words):
    """Return the next line on standard error that holds all of some words."""
    for told in iter(process.stderr.readline, b""):
        if all(word.encode() in told for word in words):
            return told.decode()
    pytest.fail(f"it never said {words}")


def ended(process, number=signal.SIGTERM):
    """End a process by a signal; return its exit code and the rest of what it said."""
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert b"Traceback" not in err
    return process.returncode, err.decode()


def test_every_machine_has_results_state_and_summary_of_its_own(plant, saelite, tmp_path):
    process = plant(ALL + machines("pump1", "pump2", source="mine:ten"))
    found = results_of(process, 16)
    first, second = ([result["score"] for result in found[name]] for name in ("pump1", "pump2"))
    assert first == second != []
    code, err = ended(process)
    assert code == 0
    for name in found:
        assert f"saelite: {name}: 10 read, 8 scored, 2 filling" in err
        assert len(read_state(tmp_path / f"{name}.json").stream.window) == 2
    again = plant(ALL + machines("pump1", "pump2", source="mine:ten"))
    assert {name: len(ones) for name, ones in results_of(again, 20).items()} == {"pump1": 10, "pump2": 10}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_all_machines_with_nothing_lost(plant, number):
    process = plant(ALL + machines("pump1", "pump2", "pump3", source="mine:one_by_one"))
    results_of(process, 9)
    code, err = ended(process, number)
    assert code == 0
    assert err.count(" read, ") == 3
    assert "undelivered" not in err


def test_machines_whose_sources_end_end_the_plant(plant, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(50, seed=5), time=range(50))
    process = plant(ALL + machines("pump1", "pump2", source="csv:log.csv", sink="csv:{machine}.csv"))
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    first, second = ((tmp_path / f"pump{number}.csv").read_text() for number in (1, 2))
    assert first == second
    assert first.count("\n") == 49


def test_missing_model_is_tried_again_until_it_is_there_and_stops_no_other_machine(plant, tmp_path, model_path):
    text = machines("good", source="mine:one_by_one") + machines("late", model="late.tflite", source="mine:ten")
    process = plant(ALL + text)
    told = until_told(process, "late: ", "Trying again in 1 s. The other machines continue.")
    assert "no such file" in told
    assert set(results_of(process, 5)) == {"good"}
    shutil.copy(model_path, tmp_path / "late.tflite")
    found = {}
    while "late" not in found:
        found |= results_of(process, 1)
    _, err = ended(process)
    assert "restarts" in next(line for line in err.splitlines() if line.startswith("saelite: late: 10 read"))


def test_wrong_source_is_given_up_and_ends_no_other_machine(plant):
    process = plant(ALL + machines("good", source="mine:ten") + machines("bad", source="nothing://here"))
    assert "expected one of" in until_told(process, "bad: ", "It is given up. The other machines continue.")
    assert set(results_of(process, 8)) == {"good"}
    code, err = ended(process)
    assert code == 1
    assert "Error: 1 of 2 machines were given up: bad. Each reported its reason when it failed." in err


def test_recording_that_cannot_be_read_to_its_end_is_not_read_again(plant, tmp_path):
    rows = pump_rows(20, seed=5)
    rows[15, 1] = float("nan")
    write_csv(tmp_path / "log.csv", rows)
    process = plant(ALL + machines("pump1", source="csv:log.csv", on_missing="error", sink="csv:{machine}.csv"))
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert b"pump1: " in err
    assert err.count(b"is given up") == 1


def test_silent_machine_is_started_again_and_the_others_are_not(plant):
    text = machines("quiet", source="mine:ten", stale_after="1s") + machines("steady", source="mine:one_by_one")
    process = plant(ALL + text)
    told = until_told(process, "quiet: ", "no readings for 1 s", "Trying again in 1 s.")
    assert "mine:ten" in told
    found = {"quiet": 0, "steady": 0}
    while found["quiet"] < 8 + 10:  # its window is kept across the start
        for name, results in results_of(process, 1).items():
            found[name] += sum("score" in result for result in results)
    code, err = ended(process)
    assert code == 0
    assert "1 restarts" in err
    assert "steady: no readings" not in err


def test_machines_share_one_port_for_their_metrics(plant):
    port = free_port()
    process = plant(
        ALL
        + machines("pump1", "pump2", source="mine:ten", sink=[f"prometheus:{port}", "jsonl:-"])
        + machines("late", model="late.tflite", source="host", sink=f"prometheus:{port}")
    )
    results_of(process, 16)

    def page():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
            return answer.read().decode()

    until(lambda: page().count("saelite_readings_scored_total{machine=") == 2)
    for name in ("pump1", "pump2"):
        assert f'saelite_readings_scored_total{{machine="{name}"}} 8.0' in page()


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_machines_share_a_broker_with_a_base_each_and_variables_stay_secret(plant, tmp_path):
    with mosquitto(tmp_path) as port:
        place = f"mqtt://127.0.0.1:{port}/${{PLACE}}/"
        names = {"source": place + "{machine}", "sink": place + "saelite/{machine}"}
        process = plant(ALL + machines("pump1", "pump2", stale_after="1h", **names), env={"PLACE": "well-kept-secret"})
        for number in (1, 2):
            base = f"well-kept-secret/saelite/pump{number}"
            assert retained(port, f"{base}/availability", 1) == {f"{base}/availability": "online"}
            for row in pump_rows(5 + number).tolist():
                reading = json.dumps(dict(zip(SENSORS, row, strict=True)))
                topic = f"well-kept-secret/pump{number}"
                subprocess.run(["mosquitto_pub", "-p", str(port), "-t", topic, "-m", reading, "-q", "1"], check=True)
            state = json.loads(retained(port, f"{base}/state", 1)[f"{base}/state"])
            assert state["score"] > 0
        code, err = ended(process)
        assert code == 0
        assert "pump1: 6 read" in err
        assert "pump2: 7 read" in err
        assert "well-kept" not in err


def test_hangup_loads_every_model_again(plant):
    process = plant(ALL + machines("pump1", "pump2", source="mine:one_by_one"))
    assert len(results_of(process, 6)) == 2
    process.send_signal(signal.SIGHUP)
    reloaded = {until_told(process, "is loaded; the window is kept").split(": ")[1] for _ in range(2)}
    assert reloaded == {"pump1", "pump2"}


@pytest.fixture
def told_systemd(tmp_path, monkeypatch):
    """Return a function that says what systemd was told since the last call."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "2")

        def told():
            messages = []
            while True:
                try:
                    messages.append(listener.recv(1000).decode())
                except BlockingIOError:
                    return messages

        yield told


def test_watchdog_is_fed_only_while_every_machine_makes_progress(told_systemd, tmp_path):
    (tmp_path / "plant.toml").write_text(machines("a", "b", model="m.tflite", source="host"))
    plant = Plant(read_plant(tmp_path / "plant.toml"), print)
    first, second = plant.watches
    first.ready()
    plant._look(ready_s=float("inf"))
    assert told_systemd() == ["WATCHDOG=1"], "the start of the second counts as progress"
    second.ready()
    plant._look(ready_s=float("inf"))
    assert told_systemd() == ["READY=1"], "the first has hung since"
    first.alive()
    second.alive()
    plant._look(ready_s=float("inf"))
    assert told_systemd() == ["WATCHDOG=1"]
    second.alive()
    plant._look(ready_s=float("inf"))
    assert told_systemd() == []
    first.phase = Phase.WAITING
    second.alive()
    plant._look(ready_s=float("inf"))
    assert told_systemd() == ["WATCHDOG=1"], "what waits has no progress to make"


def test_pauses_grow_up_to_their_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(machine_watch, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(machine_watch, "LONGEST_PAUSE_S", 0.04)
    (tmp_path / "plant.toml").write_text(machines("a", model="nowhere.tflite", source="host"))
    told, (machine,) = [], read_plant(tmp_path / "plant.toml").machines
    watch = MachineWatch(machine, told.append)
    pauses = []
    monkeypatch.setattr(watch, "_wait", lambda: (pauses.append(watch._pause_s), MachineWatch._wait(watch)))
    watch.start()
    until(lambda: watch.restarts >= 4)
    watch.stop()
    until(lambda: watch.is_over)
    assert pauses[:4] == [0.01, 0.02, 0.04, 0.04]
    assert watch.phase is Phase.ENDED


def test_machines_share_a_history_and_a_page_that_lists_them_all(plant, saelite):
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    port = free_port()
    keys = 'history = "plant.db"\nexit-ratio = 0.01\n'
    process = plant(ALL + keys + machines("pump1", "pump2", source="mine:faulty", sink=f"web:{port}"))

    def shown():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/machines", timeout=PATIENCE_S) as answer:
            return sorted(one["name"] for one in json.load(answer)["machines"])

    def recorded():
        lines = saelite("history", "plant.db", "--json").stdout.splitlines()
        return sorted(json.loads(line)["machine"] for line in lines)

    until(lambda: recorded() == ["pump1", "pump2"])
    assert shown() == ["pump1", "pump2"]
    assert ended(process)[0] == 0


def test_page_says_why_a_machine_is_not_watched(plant, tmp_path):
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    port = free_port()
    late = machines("late", source="mine:one_by_one", sink=f"web:{port}", model="late.tflite")
    process = plant(ALL + machines("there", source="mine:one_by_one", sink=f"web:{port}") + late)

    def shown(machine):
        address = f"http://127.0.0.1:{port}/api/live?machine={machine}"
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as events:
            assert events.readline() == b"event: machine\n"
            found = json.loads(events.readline().removeprefix(b"data: "))
        return found["state"], found["down"]

    until_told(process, "late: ", "Trying again")
    until(lambda: shown("late")[0] == "down")
    assert re.search(r"late.tflite.* Trying again in \d+ s", shown("late")[1])
    shutil.copy(tmp_path / "pump.tflite", tmp_path / "late.tflite")
    until(lambda: shown("late") == ("well", ""))
    assert ended(process)[0] == 0
