"""Run what a device runs in real ARM interpreters, emulated, and compare with this machine.

    python tests/arm/check.py [arm64 armhf] [--folder .arm] [--without-tests]

On a machine without Debian's apt or the emulators it says so and ends with exit code 0. How long anything takes
here says nothing about a board.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from arm.agreement import Agreement, compare
from arm.boards import BOARDS, Board, Install
from arm.installs import ROOT, install, install_ours, python, size
from arm.instructions import counting_emulator, instructions_per_window
from arm.models import make_models
from arm.processes import CheckError, here, there
from arm.sysroot import missing_tools, unpack
from device_tests import PACKAGES, pytest_command


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
    setups = [prepare(board, entry, folder, ours) for board in boards for entry in board.installs]
    with ThreadPoolExecutor(max_workers=min(len(setups), os.cpu_count() or 1)) as pool:
        running = [pool.submit(check_one, setup, models, with_tests=with_tests) for setup in setups]
        found = []
        for setup, one in zip(setups, running, strict=True):
            found.append(one.result())
            print(f"{setup.board.name} {setup.entry.name}:\n{found[-1].text}", flush=True)
    report({(setup.board.name, setup.entry.runtime): one.agreement for setup, one in zip(setups, found, strict=True)})
    return [
        {"board": setup.board.name, "runtime": setup.entry.runtime, "wheels_bytes": size(setup.wheels),
         "ours_bytes": size(ours), **asdict(one.agreement), "instructions_per_window": one.instructions}
        for setup, one in zip(setups, found, strict=True)
    ]  # fmt: skip


@dataclass(frozen=True)
class Setup:
    """A board's Python with one interpreter installed.

    Parameters
    ----------
    board : Board
    entry : Install
    wheels : Path
        Folder of its wheels.
    python : Path
        Program to run.
    counting : Path or None
        The same Python under an emulator that counts instructions, where this machine can have one.
    count : Path
        File the number is written to.
    """

    board: Board
    entry: Install
    wheels: Path
    python: Path
    counting: Path | None
    count: Path


@dataclass(frozen=True)
class Found:
    """What running everything with one interpreter gave; `text` is for people, `instructions` of one window."""

    agreement: Agreement
    instructions: int | None
    text: str


def prepare(board: Board, entry: Install, folder: Path, ours: Path) -> Setup:
    """Unpack the board's system and wheels."""
    root = unpack(board, folder / board.name).parent
    wheels = install(board, entry.requirements, root / entry.name, with_dependencies=entry.with_dependencies)
    print(f"{board.name} {entry.name}: {size(wheels) / 1e6:.1f} MB of wheels, {size(ours) / 1e6:.2f} MB ours")
    paths = (ours, wheels, install(board, PACKAGES, root / "tests"))
    count = root / f"{entry.name}.count"
    emulator = counting_emulator(board.emulator, folder / "counting", count)
    counting = python(board, entry, root, paths, emulator, "counting") if emulator else None
    return Setup(board, entry, wheels, python(board, entry, root, paths), counting, count)


def check_one(setup: Setup, models: Path, *, with_tests: bool) -> Found:
    """Run everything with one interpreter."""
    lines = run_commands(setup.python, setup.entry, models)
    agreement = run_outputs(setup.python, setup.entry, models)
    instructions = None
    if setup.counting:
        instructions = instructions_per_window(
            partial(there, setup.counting, PYTHONHASHSEED="0"), models / "host.tflite", setup.count
        )
        lines.append(f"score: {instructions:,} instructions for a window")
    if with_tests:
        lines.append(run_tests(setup.python, models))
    return Found(agreement, instructions, "\n".join(f"  {line}" for line in lines))


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
    from edge_runtime.inference.runtimes import NUMPY, installed_runtimes

    return entry.runtime if entry.runtime in {NUMPY, *(runtime.name for runtime in installed_runtimes())} else "auto"


def run_tests(interpreter: Path, models: Path) -> str:
    """Run the device's tests with the board's Python; return pytest's last line."""
    started = time.monotonic()
    output = there(interpreter, *pytest_command(), SAELITE_TEST_MODEL=str(models / "pump.tflite"))
    return f"tests: {output.splitlines()[-1]} ({time.monotonic() - started:.0f} s emulated)"


def report(agreements: dict[tuple[str, str], Agreement]) -> None:
    """Print the table; raise CheckError if anything differs by more than it may."""
    head = ("board", "runtime", "windows", "alarms", "differ in a stream", "differ in a batch",
            "max steps, single", "max steps, batch", "equal",
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


if __name__ == "__main__":
    sys.exit(main())
