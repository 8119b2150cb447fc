"""The examples run, their hardware replaced by files, a pseudo-terminal and a broker."""

import json
import os
import subprocess
import sys
import threading
import time
import tty
from pathlib import Path

import pytest
from broker import MOSQUITTO, mosquitto
from machines import pump_rows, write_csv
from streaming_machine import rows_of, write_model

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE_S = 60


def first_line(script, *arguments, until_then=lambda: None):
    """Run an example until it prints; do something meanwhile, again and again."""
    command = [sys.executable, EXAMPLES / script, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(EXAMPLES.parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        timer = threading.Timer(PATIENCE_S, process.kill)
        timer.start()
        printed = threading.Event()

        def busy():
            while not printed.wait(0.05) and process.poll() is None:
                until_then()

        worker = threading.Thread(target=busy)
        worker.start()
        line = process.stdout.readline()
        printed.set()
        worker.join()
        timer.cancel()
        process.kill()
    return line


def test_accelerometer_of_linux(tmp_path):
    write_model(tmp_path / "m.tflite", window=2, sensors=("x", "y", "z"))
    for axis, value in zip("xyz", rows_of(1, 3)[0] + [0, 0, 30], strict=True):
        (tmp_path / f"in_accel_{axis}_raw").write_text(f"{value}\n")
    line = first_line("accelerometer.py", tmp_path / "m.tflite", tmp_path)
    assert line.startswith("score ")
    assert "'z'" in line


def test_arduino_on_a_serial_port(model_path):
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    row = pump_rows(1)[0] + [0, 100_000, 0, 0]
    text = ",".join(map(str, row)).encode() + b"\r\n"
    line = first_line("arduino.py", model_path, os.ttyname(theirs), until_then=lambda: os.write(ours, text))
    assert line.startswith("score ")
    os.close(ours)
    os.close(theirs)


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_mqtt_in_and_out(model_path, tmp_path):
    reading = json.dumps(pump_rows(1)[0].tolist())
    with mosquitto(tmp_path) as port:
        command = [sys.executable, EXAMPLES / "mqtt_in_out.py", model_path, "127.0.0.1", str(port)]
        example = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(EXAMPLES.parent)})
        listener = subprocess.Popen(
            ["mosquitto_sub", "-p", str(port), "-t", "pump/score", "-C", "1", "-W", str(PATIENCE_S)],
            stdout=subprocess.PIPE,
        )
        while listener.poll() is None:
            subprocess.run(["mosquitto_pub", "-p", str(port), "-t", "pump/readings", "-m", reading], check=True)
            time.sleep(0.1)
        answer = json.loads(listener.communicate()[0])
        example.kill()
        example.wait()
    assert answer["score"] > 0


def test_this_machine(tmp_path):
    from edge_runtime.sources.host import HostSource

    names = tuple(name for name in HostSource().read().values if name.startswith(("cpu", "memory")))
    write_model(tmp_path / "host.tflite", sensors=names)
    assert first_line("this_machine.py", tmp_path / "host.tflite")


def test_coral_stick_that_is_not_there(model_path, tmp_path):
    rows = write_csv(tmp_path / "log.csv", pump_rows(10)).read_text()
    result = subprocess.run(
        [sys.executable, EXAMPLES / "coral.py", model_path],
        input=rows,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(EXAMPLES.parent)},
    )
    assert len(result.stdout.splitlines()) == 8
    assert "Continuing on the CPU" in result.stderr
