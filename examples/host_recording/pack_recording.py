"""Pack a recording of `make_recording.py` into two fifths of its size: as what the kernel counted.

    python examples/host_recording/pack_recording.py host.csv.gz -o host.npz.xz

A sensor per second, or per cent of the time, is a whole number of events divided by the seconds since the last
reading; the same seconds for all of them, and its digits beyond the third are those of that division. So they are
found again: of all spans near the time stamps' difference, the one that makes all counts whole. What is unpacked
differs from the CSV file by a few of its fourth digit.

`benchmarks.bundled` reads such files; saelite brings one along.
"""

from __future__ import annotations

import csv
import gzip
import io
import lzma
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_SPAN_S, _STEP_S = 4e-3, 5e-5
_EXACT = 1e4  # a count above it says nothing about the span: four digits of it are known
# Not counted in whole units: sectors of 512 bytes, bytes, and the kernel's own estimate of how busy a core was.
_PARTS = {"disk_read_kb_per_s": 1 / 0.512, "disk_write_kb_per_s": 1 / 0.512, "loopback_kb_per_s": 1000}
_PARTS |= {f"cpu{name}_percent": 100 for name in ("0", "1", "2", "3", "_user", "_system", "_iowait")}
# Levels, in steps of their fourth digit.
_LEVELS = {"memory_used_percent": 1000, "memory_cached_percent": 1000, "load1": 100_000, "processes_running": 1}


def elapsed_s(stamps_s: FloatArray, rates: FloatArray) -> FloatArray:
    """Return the seconds each reading covers, shape (n,), from time stamps and rates, shape (n, sensors)."""
    near = np.diff(stamps_s, prepend=2 * stamps_s[0] - stamps_s[1])
    offsets = np.arange(-_SPAN_S, _SPAN_S, _STEP_S)
    found = near.copy()
    for row, (span, values) in enumerate(zip(near, rates, strict=True)):
        values_seen = values[(values > 0) & (values * span < _EXACT)]
        if len(values_seen):
            counts = np.outer(span + offsets, values_seen)
            found[row] += offsets[(np.abs(counts - np.rint(counts)) / counts).max(axis=1).argmin()]
    return found


def smallest(values: FloatArray) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Return whole numbers in the smallest type that holds them."""
    whole = np.rint(values).astype(np.uint32)
    return whole.astype(np.min_scalar_type(int(whole.max())))


@click.command()
@click.argument("recording", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write (.npz.xz).")
def main(recording: Path, output: Path) -> None:
    """Pack a recording."""
    with gzip.open(recording, "rt", newline="") as file:
        header, *rows = csv.reader(file)
    sensors = header[1:-2]
    times = np.array([row[0] for row in rows], "datetime64[ms]")
    values = np.array([[float(cell) for cell in row[1:-2]] for row in rows])
    rates = [place for place, name in enumerate(sensors) if name not in _LEVELS and name not in _PARTS]
    spans = elapsed_s(times.astype(np.int64) / 1e3, values[:, rates])
    columns = {}
    for name, column in zip(sensors, values.T, strict=True):
        steps = column * _LEVELS[name] if name in _LEVELS else column * spans * _PARTS.get(name, 1)
        columns[f"sensor_{name}"] = smallest(steps)
    faults = sorted({row[-1] for row in rows})
    packed = io.BytesIO()
    np.savez(
        packed,
        **columns,
        per_step=[1 / _LEVELS.get(name, _PARTS.get(name, 1)) for name in sensors],
        is_rate=[name not in _LEVELS for name in sensors],
        start=np.array(str(times[0])),
        milliseconds=smallest(np.diff(times, prepend=times[0]).astype(float)),
        elapsed_50us=smallest(spans / _STEP_S),
        faults=np.array(faults),
        fault=smallest(np.array([float(faults.index(row[-1])) for row in rows])),
    )
    output.write_bytes(lzma.compress(packed.getvalue(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main()
