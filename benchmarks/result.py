"""What a benchmark found, as plain figures that go to JSON and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender
from benchmarks.machine import Conditions, Machine
from edge_runtime.atomic import write_atomically
from edge_runtime.errors import SaeliteError
from edge_runtime.json_codec import DecodeError, from_json, to_json

SCHEMA = 1


@dataclass(frozen=True)
class Latency:
    """Durations of one call, in microseconds: medians over rounds.

    Parameters
    ----------
    contender : Contender
    calls : int
        Over all rounds.
    round_p50_us : tuple of float
        Median of each round; what confidence intervals are made of.
    cold_start_s : float
        From starting the process to the first result.
    resident_bytes, peak_bytes : int
        Memory of the process, Python and all; 0 where the system does not tell.
    """

    contender: Contender
    p50_us: float
    p90_us: float
    p99_us: float
    mean_us: float
    min_us: float
    calls: int
    round_p50_us: tuple[float, ...] = ()
    cold_start_s: float = 0.0
    resident_bytes: int = 0
    peak_bytes: int = 0

    @property
    def windows_per_s(self) -> float:
        """Throughput, at the median."""
        return self.contender.batch * 1e6 / self.p50_us

    @property
    def macs_per_s(self) -> float:
        """Multiplications of weights per second, at the median."""
        return self.contender.macs * self.contender.batch * 1e6 / self.p50_us


@dataclass(frozen=True)
class Peaks:
    """How many multiplications of large matrices one core does in a second; 0 where it was not measured.

    Parameters
    ----------
    float32 : float
        numpy's matrix product, 1,024 x 1,024.
    int8 : float
        A fully connected int8 TFLite layer of 1,024 x 1,024 on 256 rows, in the first runtime installed.
    """

    float32: float = 0.0
    int8: float = 0.0

    def share(self, row: Latency) -> float:
        """Return which share of the peak a row reaches, 0 where unknown."""
        peak = self.int8 if row.contender.numbers == "int8" else self.float32
        return row.macs_per_s / peak if peak else 0.0


@dataclass(frozen=True)
class Benchmark:
    """One run.

    Parameters
    ----------
    model : str
        Name of the model, and what it is.
    machine : Machine
    before, after : Conditions
    latency : tuple of Latency
        One window per call, one thread; the device's detector first.
    throughput : tuple of Latency
        More windows per call, or more threads.
    peaks : Peaks
    imported : tuple of Benchmark
        Runs on other machines, shown beside this one and never mixed with it.
    """

    model: str
    machine: Machine
    before: Conditions
    after: Conditions
    latency: tuple[Latency, ...]
    throughput: tuple[Latency, ...] = ()
    peaks: Peaks = Peaks()
    imported: tuple[Benchmark, ...] = ()
    schema: int = SCHEMA

    def row(self, key: str) -> Latency | None:
        """Return the row of a contender, if it was measured."""
        return next((row for row in self.latency if row.contender.key == key), None)

    def write(self, path: Path) -> None:
        """Write JSON, in full or not at all."""
        write_atomically(path, json.dumps(rounded(to_json(self)), indent=1).encode() + b"\n")


def read_benchmark(path: Path) -> Benchmark:
    """Read what `Benchmark.write` wrote.

    Raises
    ------
    SaeliteError
        If the file is missing or is something else.
    """
    try:
        data = json.loads(path.read_text())
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise SaeliteError(f"{path} is not a benchmark of this saelite. Expected schema {SCHEMA}. "
                               "Write one with: saelite bench MODEL --json FILE")  # fmt: skip
        return from_json(Benchmark, data)
    except OSError as error:
        raise SaeliteError(f"no such file: {path}. Expected one written by `saelite bench --json`.") from error
    except (UnicodeDecodeError, json.JSONDecodeError, DecodeError) as error:
        raise SaeliteError(f"{path} is damaged ({error}). Expected one written by `saelite bench --json`.") from error


def rounded(data: Any, digits: int = 6) -> Any:
    """Return JSON data with its numbers cut to so many digits.

    >>> rounded({"us": [1.23456789, 7]})
    {'us': [1.23457, 7]}
    """
    if isinstance(data, float):
        return float(f"{data:.{digits}g}")
    if isinstance(data, list):
        return [rounded(item, digits) for item in data]
    if isinstance(data, dict):
        return {key: rounded(value, digits) for key, value in data.items()}
    return data
