"""What runs inside the virtual machine, as a service of its own: it looks at the service and says what it saw.

Standard library only. Each line that counts begins with CHECK; the last one of a boot is CHECK end.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

NAME = "saelite-pump"
UNIT = Path(f"/etc/systemd/system/{NAME}.service")
FOLDER = Path(f"/var/lib/{NAME}")
SHORT = UNIT.with_name(f"{UNIT.name}.d") / "short.conf"
PATIENCE_S = 300
SERVICE = ("/etc/saelite/pump.tflite", "--source", "csv:/run/pump.fifo", "--sink", "jsonl:results.jsonl",
           "--sink", "alarms:alarms.jsonl", "--print")  # fmt: skip


def said(*words):
    """Return what a command prints."""
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE_S).stdout.strip()


def shown(what):
    """Return a property of the service."""
    return said("systemctl", "show", NAME, "--value", "-p", what)


def until(condition):
    """Wait until something is true; return whether it became so."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.2)
    return True


def show(text):
    """Write to the console, which others may have hung up meanwhile."""
    Path("/dev/ttyS0").write_text(f"\n{text}\n")


def check(what, good, detail=""):
    """Say how a check went."""
    show(f"CHECK {'good' if good else 'FAILED'}: {what} {detail}")


def is_up():
    """Return whether the service says that it is ready."""
    return shown("ActiveState") == "active" and shown("SubState") == "running"


def results():
    """Return how many results there are."""
    path = FOLDER / "results.jsonl"
    return path.read_text().count('"drift"') if path.exists() else 0


def grows():
    """Return whether results keep coming."""
    before = results()
    return until(lambda: results() > before)


def first_boot():
    """Install the service and do to it what systemd and people do."""
    UNIT.write_text(said("saelite", "service", *SERVICE))
    said("systemctl", "daemon-reload")
    begun = subprocess.run(["systemctl", "enable", "--now", NAME], check=False, capture_output=True, text=True)
    check("it starts and says that it is ready", begun.returncode == 0 and is_up(), begun.stderr.strip())
    check("it has results", grows())
    user = said("stat", "-c", "%u", f"/proc/{shown('MainPID')}")
    check("it is not root", user not in ("", "0"), f"user {user}")
    security()
    killed()
    reloaded()
    watched()
    stopped()
    state = json.loads((FOLDER / "state.json").read_bytes())["state"]
    Path("/root/before.json").write_text(json.dumps([results(), state["model_sha256"]]))
    said("systemctl", "start", NAME)
    check("it is up before the restart of the machine", is_up() and grows())


def security():
    """Say how exposed systemd finds it."""
    last = said("systemd-analyze", "security", "--no-pager", NAME).splitlines()[-1]
    found = re.search(r"[0-9]+\.[0-9]+", last)
    check("systemd finds its exposure low", found is not None and float(found.group()) < 2.5, last)


def killed():
    """Kill it."""
    said("systemctl", "kill", "-s", "SIGKILL", NAME)
    back = until(lambda: shown("NRestarts") == "1" and is_up())
    check("it is started again after SIGKILL", back and grows(), f"{shown('NRestarts')} restarts")


def reloaded():
    """Reload it."""
    before = shown("MainPID")
    reload = subprocess.run(["systemctl", "reload", NAME], check=False, capture_output=True, text=True)
    told = until(lambda: "is loaded; the window is kept" in said("journalctl", "-u", NAME, "--no-pager"))
    same = shown("MainPID") == before
    good = reload.returncode == 0 and told and same and grows()
    check("a reload loads the model in the same process", good, reload.stderr.strip())


def watched():
    """Look at its watchdog, then let it hang: with a limit of seconds, so that the test takes no minutes."""
    check("the unit has a watchdog", shown("WatchdogUSec") == "1min", shown("WatchdogUSec"))
    SHORT.parent.mkdir(exist_ok=True)
    SHORT.write_text("[Service]\nWatchdogSec=4\n")
    said("systemctl", "daemon-reload")
    said("systemctl", "restart", NAME)
    fed_s, before = int(shown("WatchdogTimestampMonotonic")), shown("NRestarts")
    fed = until(lambda: int(shown("WatchdogTimestampMonotonic")) > fed_s)
    check("it feeds the watchdog", fed)
    time.sleep(8)
    check("it is left alone while it does", shown("NRestarts") == before and is_up())
    os.kill(int(shown("MainPID")), signal.SIGSTOP)
    back = until(lambda: shown("NRestarts") != before and is_up())
    check("it is started again when it hangs", back and grows(), f"{shown('NRestarts')} restarts")
    SHORT.unlink()
    said("systemctl", "daemon-reload")


def stopped():
    """Let an alarm come, and stop it."""
    Path("/run/fault").touch()
    alarms = FOLDER / "alarms.jsonl"
    check("a fault is an alarm", until(lambda: alarms.exists() and "alarm_started" in alarms.read_text()))
    begun_s = time.monotonic()
    said("systemctl", "stop", NAME)
    took_s = time.monotonic() - begun_s
    check("it stops in time and in order", shown("Result") == "success" and took_s < 15, f"{took_s:.1f} s")


def second_boot():
    """Look whether it came back by itself, with what it kept."""
    check("it comes back with the machine", until(is_up))
    count, sha256 = json.loads(Path("/root/before.json").read_text())
    state = json.loads((FOLDER / "state.json").read_bytes())["state"]
    check("its folder is kept", results() >= count > 0 and state["model_sha256"] == sha256, f"{results()} results")
    check("it goes on from its state", not list(FOLDER.glob("*.bad")) and grows())
    announced = (FOLDER / "alarms.jsonl").read_text().count("alarm_started")
    check("the alarm before is still there", announced > 0, f"{announced} started")


def feed():
    """Be the machine: readings into a pipe, ten a second, whoever reads."""
    header, *rows = Path("/opt/rows.csv").read_text().splitlines()
    while True:
        try:
            with Path("/run/pump.fifo").open("w", buffering=1) as pipe:
                pipe.write(header + "\n")
                for number in range(10**9):
                    row = rows[number % len(rows)].split(",")
                    if Path("/run/fault").exists():
                        row[0] = "1000"
                    pipe.write(",".join(row) + "\n")
                    time.sleep(0.1)
        except BrokenPipeError:
            continue


def main():
    """Feed, or look."""
    if sys.argv[1:] == ["feed"]:
        feed()
    is_first = not Path("/root/before.json").exists()
    try:
        (first_boot if is_first else second_boot)()
    except Exception as error:  # noqa: BLE001 - whatever it is, the host must hear of it
        check("nothing unforeseen", good=False, detail=repr(error))
    if not is_up():
        show(said("journalctl", "-u", NAME, "--no-pager", "-n", "30"))
    check("end", good=True)
    subprocess.run(["systemctl", "reboot" if is_first else "poweroff"], check=False)


if __name__ == "__main__":
    main()
