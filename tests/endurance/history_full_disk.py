"""Fill the disk under a running `saelite run --history`; the detector goes on, the history comes back by itself.

    PYTHONPATH=.:tests/support python tests/endurance/history_full_disk.py

As root on Linux: the history lies on a file system of 8 MB in memory, which is filled to the last byte and emptied
again.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from history_kills import EIGHT, QUICK, announced_in, lines_of
from streaming_machine import rows_of, write_model

from edge_runtime.history.history import History


@contextmanager
def small_disk(folder, size="8m"):
    """Mount a small file system; skip the rest where that is not allowed."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path):
    """Write until nothing fits any more."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            with suppress(OSError):
                while file.write(bytes(size)):
                    pass


class Watched:
    """A run whose output is read as it comes."""

    def __init__(self, folder, history):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "saelite", "run", "m.tflite", "--source", "-", "--history", str(history)],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.output, self.told, self.fed_s = b"", [], 1000
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read, self._listen)]
        for thread in self._threads:
            thread.start()
        self.process.stdin.write((",".join(("time", *EIGHT)) + "\n").encode())
        self._rows = rows_of(400)

    def live(self, seconds):
        """Feed readings for a while, 400 each second."""
        for _ in range(int(10 * seconds)):
            lines = lines_of(self.fed_s, self._rows[:40])
            self.process.stdin.write("".join(lines).encode())
            self.process.stdin.flush()
            self.fed_s += 40
            time.sleep(0.1)

    @property
    def results(self):
        """The number of results so far."""
        return sum("score" in json.loads(line) for line in self.output.split(b"\n")[:-1])

    def end(self):
        """End it; return its exit code."""
        self.process.stdin.close()
        for thread in self._threads:
            thread.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.wait()

    def _read(self):
        for line in iter(self.process.stdout.readline, b""):
            self.output += line

    def _listen(self):
        self.told += [line.decode() for line in iter(self.process.stderr.readline, b"")]


def problems_of(folder, full_s=15):
    """Return what is wrong after a disk was full for so many seconds, and what was told."""
    write_model(folder / "m.tflite", **QUICK)
    with small_disk(folder / "disk") as disk:
        run = Watched(folder, disk / "site.db")
        run.live(2)
        fill(disk / "rubbish")
        before = run.results
        run.live(full_s)
        during = run.results - before
        (disk / "rubbish").unlink()
        run.live(12)
        code = run.end()
        history = History.read(disk / "site.db")
        kept = {alarm.started_s for alarm in history.alarms(limit=100_000)}
        history.close()
    stopped = [line for line in run.told if "cannot be written" in line]
    checks = {
        "the process ended with an error": code != 0,
        f"only {during} results came while the disk was full": during < 0.5 * full_s * 400,
        f"it was told {len(stopped)} times that the disk is full": len(stopped) != 1,
        "it was not told that the history goes on": not any("is written again" in line for line in run.told),
        f"{len(announced_in(run.output) - kept)} announced alarms are missing": not announced_in(run.output) <= kept,
    }
    return [problem for problem, found in checks.items() if found], run.told


def main():
    """Fill a disk, and print."""
    with tempfile.TemporaryDirectory() as name:
        problems, told = problems_of(Path(name))
    print("".join(told), end="")
    print("\n".join(problems) or "the detector went on, and the history came back")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
