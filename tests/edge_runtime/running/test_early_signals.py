"""Signals that come before a stream is ready: none kills it, none leaves anything behind."""

import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from live_process import PATIENCE_S, ROOT, line, start, until
from machines import SENSORS, pump_rows

STATES = ("--state", "s.json", "--history", "h.db")
NOTHING_LOADED = """
import signal, sys
import saelite.__main__, saelite.early_signals
with saelite.early_signals.signals_held():
    print(sorted({"click", "edge_runtime", "numpy"} & set(sys.modules)), signal.getsignal(signal.SIGHUP).was_asked)
"""


IN_A_CLASS = """
import os, signal
from saelite.early_signals import signals_held

class Field:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), signal.SIGTERM)

with signals_held():
    class Settings:
        field = Field()
    print("not ended")
"""


IN_A_MODULE = """
import os, signal
from saelite.early_signals import signals_held

with signals_held():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except SystemExit:
        raise SystemExit("the graph cannot be run: ImportError") from None
"""


def listens(process, number):
    """Return whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return bool(int(status.split("SigCgt:")[1].split()[0], 16) >> (number - 1) & 1)


@pytest.fixture
def starting(model_path, tmp_path):
    """A stream that minds its signals, and is not ready yet; and the socket where it will say so."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(PATIENCE_S)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        process = start(model_path, "--source", "-", *STATES, cwd=tmp_path, env=environment)
        until(lambda: listens(process, signal.SIGHUP))
        yield process, notified
        process.kill()
        process.communicate()


def test_nothing_is_loaded_before_signals_are_minded():
    command = [sys.executable, "-c", NOTHING_LOADED]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown == "[] False\n"


@pytest.mark.parametrize("program", [IN_A_CLASS, IN_A_MODULE], ids=["class", "module"])
def test_request_to_end_while_something_is_loaded_is_no_error(program):
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")


def test_request_to_reload_waits_until_the_stream_is_ready(starting):
    process, notified = starting
    process.send_signal(signal.SIGHUP)
    while (message := notified.recv(100)) != b"READY=1":
        assert message is not None
    # The model may have been read before the request came: it is loaded again.
    assert b"is loaded; the window is kept" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("after_s", [0.0, 0.2, 0.5, 1.0])
def test_request_to_end_ends_the_start_and_leaves_nothing_half_done(starting, tmp_path, after_s):
    process, _ = starting
    time.sleep(after_s)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert b"Traceback" not in err
    # The file of a lock or of a database's log may stay, as after a kill: the next start takes it over.
    left = {path.name for path in tmp_path.iterdir() if path.suffix != ".lock"}
    logs = {"h.db-wal", "h.db-shm"}
    assert not left - {"notify", "pump.tflite", "s.json", "s.json.model", "h.db"} - logs


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_plant_minds_its_signals_from_the_start(model_path, tmp_path, number):
    (tmp_path / "plant.toml").write_text(f'[machine.pump]\nmodel = "{model_path}"\nsource = "-"\n')
    process = start("plant.toml", cwd=tmp_path)
    until(lambda: listens(process, signal.SIGHUP))
    process.send_signal(number)
    header = (",".join(SENSORS) + "\n").encode()
    _, err = process.communicate(header + b"".join(map(line, pump_rows(5))), timeout=PATIENCE_S)
    assert process.returncode == 0
    if number == signal.SIGHUP:
        assert b"5 read" in err
    assert b"Traceback" not in err
