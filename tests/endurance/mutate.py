"""Structure-aware damage to model files: manifest, ZIP, flatbuffer, always with the SHA-256 that fits.

    PYTHONPATH=.:tests/support python tests/endurance/mutate.py MODEL SEED FIRST COUNT RUNTIME[,RUNTIME]

Loads and scores COUNT damaged files in one process, each in every runtime named, and prints the number before each, so
that whoever started it knows which one ended it. `fuzz_models.py` starts it.
"""

from __future__ import annotations

import csv
import json
import struct
import sys
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import SaeliteError
from edge_runtime.inference.detector import Detector
from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.model_file.container import ModelFile, parse_model_file, read_model_file
from edge_runtime.model_file.zip_tail import join, pack, split

COMMANDS = ("verify", "score", "inspect")
_BYTES = (0, 1, 2, 4, 0x7F, 0x80, 0xFE, 0xFF)
_INTEGERS = (0, 1, -1, 2, 127, 255, 4096, 65_535, 2**24, 2**31 - 1, -(2**31))
_VALUES = (
    "NaN", "1e999", "-1", "0", "1000000000", "1e39", '""', "[]", "null", "[[[]]]", '"x"', "1" * 400, "true", "{}",
    '{"x": null}', "[1.5, null, {}]", '"\\ud800"',
)  # fmt: skip


def damaged(model: ModelFile, seed: int) -> bytes:
    """Return the file with some damage; the same for the same seed."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["flatbuffer", "offsets", "manifest", "zip", "bytes"], p=[0.4, 0.3, 0.15, 0.1, 0.05])
    if kind == "manifest":
        return _with_manifest(model, rng)
    if kind == "zip":
        return _with_zip(model, rng)
    content = bytearray(model.to_bytes() if kind == "bytes" else model.flatbuffer)
    for _ in range(rng.integers(1, 5)):
        if kind == "offsets":
            place = 4 * int(rng.integers(0, len(content) // 4))
            content[place : place + 4] = struct.pack("<i", int(rng.choice(_INTEGERS)))
        else:
            place = int(rng.integers(0, len(content)))
            content[place] = int(rng.choice(_BYTES) if rng.random() < 0.5 else rng.integers(0, 256))
    if kind == "bytes":
        return _part_of(bytes(content), rng)
    other = ModelFile(bytes(content), model.manifest, model.arrays)
    return replace(other, manifest=replace(model.manifest, flatbuffer_sha256=other.sha256)).to_bytes()


def _part_of(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a part of the file, as an interrupted copy leaves it, or all of it."""
    edges = sorted(int(edge) for edge in rng.integers(0, len(content) + 1, 2))
    choices = (content, content[: edges[1]], content[edges[0] : edges[1]])
    return choices[int(rng.integers(0, len(choices)))]


def _with_manifest(model: ModelFile, rng: np.random.Generator) -> bytes:
    data = json.loads(model.manifest.to_bytes())
    place = data
    while True:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = keys[int(rng.integers(0, len(keys)))]
        if not isinstance(place[key], (dict, list)) or not place[key] or rng.random() < 0.3:
            break
        place = place[key]
    place[key] = "HERE"
    flatbuffer, members = split(model.to_bytes())
    content = json.dumps(data).replace('"HERE"', str(rng.choice(_VALUES))).encode()
    return flatbuffer + join({**members, "saelite.json": pack("saelite.json", content)}.values())


def _with_zip(model: ModelFile, rng: np.random.Generator) -> bytes:
    flatbuffer, members = split(model.to_bytes())
    name = sorted(members)[int(rng.integers(0, len(members)))]
    content = bytearray(members[name].unpack())
    content[int(rng.integers(0, len(content)))] = int(rng.integers(0, 256))
    changes = {name: pack(name, bytes(content))}
    if rng.random() < 0.3:
        changes = {name: members[name]._replace(size=int(rng.integers(0, 2**32)), crc=int(rng.integers(0, 2**32)))}
    return flatbuffer + join({**members, **changes}.values())


def main(path: Path, seed: int, first: int, count: int, runtime: str) -> None:
    """Load and score; any error but ours ends the process."""
    model, opened, slowest_s = read_model_file(path), 0, 0.0
    use = partial(_command, runtime) if runtime in COMMANDS else partial(_score, runtime.split(","))
    for number in range(first, first + count):
        print(number, flush=True)
        content = damaged(model, 1_000_003 * seed + number)
        started_s = time.process_time()
        opened += use(content, model.arrays["reference_windows"])
        slowest_s = max(slowest_s, time.process_time() - started_s)
    print("done", opened, f"{slowest_s:.3f}", _peak_mb())


def _score(runtimes: list[str], content: bytes, windows: FloatArray) -> bool:
    """Return whether the file is opened and scores in one runtime at least."""
    try:
        model = parse_model_file(content, Path("damaged.tflite"))
    except SaeliteError:
        return False
    opened = False
    for runtime in runtimes:
        with suppress(SaeliteError):
            detector = Detector(model, find_runtime(runtime))
            detector.score(windows[0])
            detector.score_many(np.repeat(windows, 40, axis=0))
            opened = True
    return opened


def _command(name: str, content: bytes, windows: FloatArray) -> bool:
    """Return whether a command takes the file: it has no process beside its own to try a file out in."""
    from click.testing import CliRunner

    from saelite.cli import main as saelite

    with CliRunner().isolated_filesystem():
        Path("damaged.tflite").write_bytes(content)
        arguments = [name, "damaged.tflite"]
        if name == "score":
            _write_recording(Path("rows.csv"), content, windows)
            arguments += ["rows.csv", "-o", "scores.csv"]
        result = CliRunner().invoke(saelite, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code == 0


def _write_recording(path: Path, content: bytes, windows: FloatArray) -> None:
    """Write readings for a file whose sensors nobody knows."""
    try:
        sensors = parse_model_file(content, path).manifest.spec.sensor_names
    except SaeliteError:
        sensors = tuple(f"sensor {number}" for number in range(windows.shape[2]))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([sensors, *np.resize(windows, (100, len(sensors))).tolist()])


def _peak_mb() -> int:
    """Return the most memory this process had; getrusage would count its parent's before the start of the program."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]), sys.argv[5])
