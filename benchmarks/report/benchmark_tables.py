"""The figures of a benchmark as tables of text, the same for page and terminal."""

from __future__ import annotations

from benchmarks.benchmark_result import Benchmark, Latency
from benchmarks.latency import ratio_interval
from benchmarks.report.formats import number, percent
from benchmarks.report.report_tables import Column, ReportTable
from benchmarks.this_machine import describe

_FEW_CALLS = 1000
_UNKNOWN = "-"


def all_tables(benchmark: Benchmark) -> tuple[ReportTable, ...]:
    """Return every table that has rows, in reading order."""
    tables = (latency_table, resources_table, throughput_table, machine_table)
    return tuple(table for make in tables if (table := make(benchmark)).rows)


def latency_table(benchmark: Benchmark) -> ReportTable:
    """Return the times of one call and how many times the detector's each is."""
    names = ("p50 us", "p90 us", "p99 us", "mean us", "min us", "ratio", "95 % interval", "calls", "rounds")
    return ReportTable(
        "Latency: one window, one thread",
        (Column("what", is_number=False), *map(Column, names), Column("one call", is_number=False)),
        (
            *(_latency_row(row, benchmark.latency[0]) for row in benchmark.latency),
            *((one.title, *[_UNKNOWN] * len(names), f"not measured: {one.reason}") for one in benchmark.failures),
        ),
    )


def resources_table(benchmark: Benchmark) -> ReportTable:
    """Return each row's resources, and the share of the machine's matrix peak that it reaches."""
    names = ("cold start s", "resident MB", "peak MB", "file kB", "MACs", "share of peak")
    peaks = benchmark.peaks
    title = f"Resources; peak of one core: float32 {_giga(peaks.float32)}, int8 {_giga(peaks.int8)}"
    return ReportTable(
        title,
        (Column("what", is_number=False), *map(Column, names)),
        tuple(
            (
                row.contender.title,
                f"{row.cold_start_s:.2f}",
                _known(row.resident_bytes / 1e6, ".0f"),
                _known(row.peak_bytes / 1e6, ".0f"),
                _known(row.contender.n_bytes / 1e3, ".1f"),
                _known(row.contender.macs, ","),
                percent(share) if (share := peaks.share(row)) else _UNKNOWN,
            )
            for row in benchmark.latency
        ),
    )


def failures_table(benchmark: Benchmark) -> ReportTable:
    """Return what could not be measured, for a page too narrow for the whole of `latency_table`."""
    rows = tuple((one.title, one.reason) for one in benchmark.failures)
    return ReportTable("Not measured", (Column("what", is_number=False), Column("why", is_number=False)), rows)


def throughput_table(benchmark: Benchmark) -> ReportTable:
    """Return windows per second by batch size and number of threads."""
    return ReportTable(
        "Throughput",
        (Column("what", is_number=False), *map(Column, ("batch", "threads", "windows/s", "us per window"))),
        tuple(
            (row.contender.title, str(row.contender.batch), str(row.contender.threads), f"{row.windows_per_s:,.0f}",
             number(1e6 / row.windows_per_s))
            for row in benchmark.throughput
        ),
    )  # fmt: skip


def machine_table(benchmark: Benchmark) -> ReportTable:
    """Return the machine, and the state it was in."""
    facts = [("model", benchmark.model), *describe(benchmark.machine, benchmark.before, benchmark.after)]
    return ReportTable("Machine", (Column("fact", is_number=False), Column("value", is_number=False)), tuple(facts))


def _latency_row(row: Latency, baseline: Latency) -> tuple[str, ...]:
    low, high = ratio_interval(row, baseline)
    times = (row.p50_us, row.p90_us, row.p99_us, row.mean_us, row.min_us)
    few = "; fewer than 1,000 calls" if row.calls < _FEW_CALLS else ""
    return (
        row.contender.title,
        *(f"{value:,.1f}" for value in times),
        f"{number(row.p50_us / baseline.p50_us)} x",
        f"{number(low)} .. {number(high)}",
        f"{row.calls:,}",
        f"{len(row.round_p50_us)} of {row.n_rounds}",
        row.contender.covers + few,
    )


def _known(value: float, form: str) -> str:
    return format(value, form) if value else _UNKNOWN


def _giga(per_second: float) -> str:
    return f"{per_second / 1e9:.0f} GMAC/s" if per_second else "not measured (saelite bench --full does)"
