"""Run what a device runs in real ARM interpreters, emulated, and compare with this machine.

    python tests/arm/check.py [arm64 armhf] [--folder .arm] [--without-tests]

On a machine without Debian's apt or the emulators it says so and ends with exit code 0. How long anything takes
here says nothing about a board.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from arm.agreement import Agreement, compare
from arm.boards import BOARDS, Board, Install
from arm.installs import ROOT, TEST_PACKAGES, install, install_ours, python, size
from arm.sysroot import missing_tools, unpack

# The tests of what runs on a device: they need numpy and one interpreter, and a model file made beforehand. Those that
# draw numbers come before the one that loads tflite-runtime: on ARM it makes the processor take subnormal numbers for
# zero, which Hypothesis refuses to work under.
DEVICE_TESTS = ("csv", "preprocessing", "alarm", "mean_tracking", "detector", "stream")
NORMAL_ROWS = "0:2400"
STREAMED_ROWS = slice(2300, 2700)
_PUMP = """
import sys
from pathlib import Path
from conftest import train_pump
from export.pipeline import ExportSettings, export_run
export_run(train_pump().folder, ExportSettings("int8")).write(Path(sys.argv[1]))
"""
_RECORDING = """
import sys
from pathlib import Path
from benchmarks.bundled import write_bundled_recording
write_bundled_recording(Path(sys.argv[1]))
"""
_ROWS = """
from pathlib import Path
import sys
import numpy as np
from edge_runtime import Detector
from training.recordings import Columns, read_recording
sensors = Detector.load(sys.argv[1]).sensor_names
np.save(sys.argv[3], read_recording(Path(sys.argv[2]), Columns(sensors=sensors)).values)
"""


class CheckError(Exception):
    """Something on the board is not as it should be."""


def main() -> int:
    """Check every board asked for; return the exit code."""
    parser = argparse.ArgumentParser(description="Run what a device runs in emulated ARM interpreters.")
    parser.add_argument("boards", nargs="*", metavar="BOARD", help="arm64, armhf or both")
    parser.add_argument("--folder", type=Path, default=ROOT / ".arm", help="where downloads are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON")
    parser.add_argument("--without-tests", action="store_true", help="leave out the test suite")
    arguments = parser.parse_args()
    boards = tuple(board for board in BOARDS if not arguments.boards or board.name in arguments.boards)
    if missing := missing_tools(boards):
        print(f"arm: skipped, this machine lacks {', '.join(missing)} (Debian: apt-get install qemu-user-static)")
        return 0
    try:
        rows = check(boards, arguments.folder.resolve(), with_tests=not arguments.without_tests)
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    except (CheckError, subprocess.CalledProcessError) as error:
        print(f"arm: {error}", file=sys.stderr)
        return 1
    return 0


def check(boards: tuple[Board, ...], folder: Path, *, with_tests: bool) -> list[dict[str, Any]]:
    """Set up, run and compare; return a row for each board and runtime. Raise CheckError if one disagrees."""
    folder.mkdir(exist_ok=True)
    models = make_models(folder / "models")
    ours = install_ours(folder / "saelite")
    # Downloads one after the other; what then runs takes a core each.
    ready = [(board, entry, prepare(board, entry, folder, ours)) for board in boards for entry in board.installs]
    with ThreadPoolExecutor(max_workers=min(len(ready), os.cpu_count() or 1)) as pool:
        checks = [pool.submit(check_one, models, *one, with_tests=with_tests) for one in ready]
        agreements = {}
        for (board, entry, _), one in zip(ready, checks, strict=True):
            agreements[board.name, entry.runtime], text = one.result()
            print(f"{board.name} {entry.name}:\n{text}", flush=True)
    report(agreements)
    return [
        {"board": board.name, "runtime": entry.runtime, "wheels_bytes": size(wheels_of(board, entry, folder)),
         "ours_bytes": size(ours), **asdict(agreements[board.name, entry.runtime])}
        for board, entry, _ in ready
    ]  # fmt: skip


def wheels_of(board: Board, entry: Install, folder: Path) -> Path:
    """Return the folder of an install's wheels."""
    return folder / board.name / entry.name


def prepare(board: Board, entry: Install, folder: Path, ours: Path) -> Path:
    """Unpack the board's system and wheels; return its Python."""
    unpack(board, folder / board.name)
    wheels = install(board, entry.requirements, wheels_of(board, entry, folder),
                     with_dependencies=entry.with_dependencies)  # fmt: skip
    print(f"{board.name} {entry.name}: {size(wheels) / 1e6:.1f} MB of wheels, {size(ours) / 1e6:.2f} MB ours")
    tests = install(board, TEST_PACKAGES, folder / board.name / "tests")
    return python(board, entry, folder / board.name, (ours, wheels, tests))


def check_one(
    models: Path, board: Board, entry: Install, interpreter: Path, *, with_tests: bool
) -> tuple[Agreement, str]:
    """Run everything with one interpreter; return how its outputs agree with those here, and what to print."""
    lines = run_commands(interpreter, entry, models)
    agreement = run_outputs(interpreter, entry, models)
    if with_tests:
        lines.append(run_tests(interpreter, models))
    return agreement, "\n".join(f"  {line}" for line in lines)


def make_models(folder: Path) -> Path:
    """Train and export here, once: a detector for the bundled recording and the one the tests use.

    What other sources made is thrown away: a newer saelite may not read it.
    """
    made_by = folder / "sources.sha256"
    if not made_by.exists() or made_by.read_text() != sources_sha256():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        recording = folder / "host.csv"
        here([sys.executable, "-c", _RECORDING, str(recording)])
        saelite = [sys.executable, "-m", "saelite"]
        learn = ["--rows", NORMAL_ROWS, "--window", "2", "--epochs", "100", "--overwrite"]
        here([*saelite, "train", str(recording), "-o", str(folder / "run"), *learn])
        here([*saelite, "export", str(folder / "run"), "-o", str(folder / "host.tflite")])
        write_stream(recording, folder / "stream.csv")
        here([sys.executable, "-c", _PUMP, str(folder / "pump.tflite")])
        here([sys.executable, "-c", _ROWS, *map(str, (folder / "host.tflite", recording, folder / "rows.npy"))])
        made_by.write_text(sources_sha256())
    return folder


def sources_sha256() -> str:
    """Return the SHA-256 of all code that makes models."""
    paths = sorted(
        path for name in ("benchmarks", "edge_runtime", "training", "export") for path in (ROOT / name).rglob("*.py")
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def write_stream(recording: Path, path: Path) -> None:
    """Write the part of the recording that holds the first fault."""
    lines = recording.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], *lines[STREAMED_ROWS]]))


def run_commands(interpreter: Path, entry: Install, models: Path) -> list[str]:
    """Run doctor, score and run as a user would, and say what they said.

    Raises
    ------
    CheckError
        If a stream's alarms are not those of this machine.
    """
    doctor = json.loads(there(interpreter, "-m", "saelite", "doctor", "--json"))
    stem = models / f"{interpreter.parent.name}-{entry.name}"
    scored = there(
        interpreter, "-m", "saelite", "score", models / "host.tflite", models / "host.csv", "-o", f"{stem}.csv"
    )
    stream = ("-m", "saelite", "run", models / "host.tflite", "--source", f"csv:{models / 'stream.csv'}", "--sink")
    Path(f"{stem}.jsonl").unlink(missing_ok=True)
    there(interpreter, *stream, f"jsonl:{stem}.jsonl")
    ours = models / f"here-{stem.name}.jsonl"
    ours.unlink(missing_ok=True)  # the sink adds to what is there
    here([sys.executable, *map(str, stream), f"jsonl:{ours}"], SAELITE_RUNTIME=runtime_here(entry))
    differing = [pair for pair in zip(alarms(ours), alarms(Path(f"{stem}.jsonl")), strict=True) if pair[0] != pair[1]]
    if differing:
        raise CheckError(f"{len(differing)} results of `saelite run` alarm on one of the two machines only")
    return [
        f"doctor: {doctor['facts']['machine']}, used: {doctor['facts']['used']}",
        f"score: {scored}",
        f"run: {len(alarms(ours))} results, no other alarms than here",
    ]


def alarms(results: Path) -> list[object]:
    """Return time and alarm of every result of a stream; other lines are events."""
    lines = map(json.loads, results.read_text().splitlines())
    return [(line["time"], line["alarm"]) for line in lines if "score" in line and "alarm" in line]


def run_outputs(interpreter: Path, entry: Install, models: Path) -> Agreement:
    """Compare the same interpreter there and here, or the one that is here."""
    script = Path(__file__).with_name("outputs.py")
    inputs = (models / "host.tflite", models / "rows.npy")
    there_outputs = models / f"{interpreter.parent.name}-{entry.name}.npz"
    here_outputs = there_outputs.with_name(f"here-{there_outputs.name}")
    there(interpreter, script, *inputs, there_outputs)
    here([sys.executable, str(script), *map(str, inputs), str(here_outputs)], SAELITE_RUNTIME=runtime_here(entry))
    return compare(here_outputs, there_outputs)


def runtime_here(entry: Install) -> str:
    """Return the entry's interpreter where this machine has it too, else whichever there is."""
    from edge_runtime.interpreter import NUMPY, installed_runtimes

    return entry.runtime if entry.runtime in {NUMPY, *(runtime.name for runtime in installed_runtimes())} else "auto"


def run_tests(interpreter: Path, models: Path) -> str:
    """Run the device's tests with the board's Python; return pytest's last line."""
    started = time.monotonic()
    paths = [f"tests/test_{name}.py" for name in DEVICE_TESTS]
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=ci", *paths)
    output = there(interpreter, *command, SAELITE_TEST_MODEL=str(models / "pump.tflite"))
    return f"tests: {output.splitlines()[-1]} ({time.monotonic() - started:.0f} s emulated)"


def report(agreements: dict[tuple[str, str], Agreement]) -> None:
    """Print the table; raise CheckError if anything differs by more than it may."""
    head = ("board", "runtime", "windows", "alarms", "other in a stream", "many at once",
            "max steps, one by one", "many at once", "equal",
            "max score difference, stream")  # fmt: skip
    rows = [head] + [
        (board, runtime, str(it.n_windows), str(it.n_alarms), str(it.stream_alarms),
         str(it.batch_alarms), f"{it.single_steps:.0f}",
         f"{it.batch_steps:.0f}", f"{it.equal_codes:.2%}", f"{it.stream_difference:.0e}")
        for (board, runtime), it in agreements.items()
    ]  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if bad := [" ".join(key) for key, agreement in agreements.items() if not agreement.is_good]:
        raise CheckError(f"codes too far apart, or other alarms, on {', '.join(bad)}")


def there(interpreter: Path, *arguments: object, **environment: str) -> str:
    """Run the board's Python; return what it printed."""
    return _run([str(interpreter), *map(str, arguments)], environment)


def here(command: list[str], **environment: str) -> str:
    """Run a program of this machine; return what it printed."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return _run(command, {"PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3", **environment})


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CheckError(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
