"""The results of a benchmark, as plain figures that convert to JSON and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Contender
from benchmarks.json_file import read_json, write_json
from benchmarks.this_machine import Conditions, Machine


@dataclass(frozen=True)
class Latency:
    """Durations of one call, in microseconds, over all calls of the rounds that count.

    Parameters
    ----------
    contender : Contender
    calls : int
    round_p50_us : tuple of float
        Median of each of these rounds, from which confidence intervals are computed.
    n_rounds : int
        Number of rounds run, including those in which the core was slow, which do not count.
    cold_start_s : float
        From starting the process to the first result.
    resident_bytes, peak_bytes : int
        Memory of the process, including Python; 0 if the system does not report it.
    """

    contender: Contender
    p50_us: float
    p90_us: float
    p99_us: float
    mean_us: float
    min_us: float
    calls: int
    round_p50_us: tuple[float, ...] = ()
    n_rounds: int = 0
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
class Failure:
    """A contender that could not be measured here, and why."""

    title: str
    reason: str


@dataclass(frozen=True)
class Peaks:
    """Multiplications of large matrices per second on one core; 0 if not measured.

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
        """Return the share of the peak that a row reaches; 0 if unknown."""
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
    failures : tuple of Failure
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
    failures: tuple[Failure, ...] = ()
    imported: tuple[Benchmark, ...] = ()

    def row(self, key: str) -> Latency | None:
        """Return the row of a contender, if it was measured."""
        return next((row for row in self.latency if row.contender.key == key), None)

    def write(self, path: Path) -> None:
        """Write JSON atomically."""
        write_json(path, self)


def read_benchmark(path: Path) -> Benchmark:
    """Read what `Benchmark.write` wrote.

    Raises
    ------
    SaeliteError
        If the file is missing or of another kind.
    """
    return read_json(path, Benchmark, "saelite bench MODEL --json FILE")
