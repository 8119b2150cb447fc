"""What a comparison with peers found, as plain figures that go to JSON and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.benchmark_result import Failure
from benchmarks.json_file import read_json, write_json
from benchmarks.report.report_tables import Column, ReportTable
from benchmarks.this_machine import Machine


@dataclass(frozen=True)
class PeerRow:
    """What one peer did.

    Parameters
    ----------
    title : str
    roc_auc : float
        Of its raw scores, not smoothed.
    fit_s : float or None
        Seconds to learn, without imports; None for a runtime that runs saelite's network.
    p50_us : float
        Time for one window.
    windows_per_s : float
        All windows in one call.
    peak_bytes : int
        Memory of its process.
    installed_bytes : int
    """

    title: str
    roc_auc: float
    fit_s: float | None
    p50_us: float
    windows_per_s: float
    peak_bytes: int
    installed_bytes: int


@dataclass(frozen=True)
class PeerBenchmark:
    """One run.

    Parameters
    ----------
    recording : str
        What was learned from and scored.
    machine : Machine
    rows : tuple of PeerRow
    missing : tuple of str
        Peers that are not installed here.
    failures : tuple of Failure
        Peers that are installed and could not be measured.
    """

    recording: str
    machine: Machine
    rows: tuple[PeerRow, ...]
    missing: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()

    def write(self, path: Path) -> None:
        """Write JSON atomically."""
        write_json(path, self)


def read_peers(path: Path) -> PeerBenchmark:
    """Read what `PeerBenchmark.write` wrote.

    Raises
    ------
    SaeliteError
        If the file is missing or of another kind.
    """
    return read_json(path, PeerBenchmark, "saelite bench peers --json FILE")


def peer_table(found: PeerBenchmark) -> ReportTable:
    """Return the figures as text, the same for page and terminal."""
    installed = f"installed MB, {found.machine.architecture}"
    names = ("ROC AUC", "fit s", "p50 us", "windows/s", "peak MB", installed)
    failed = tuple((f"{one.title}: not measured: {one.reason}", *["-"] * len(names)) for one in found.failures)
    return ReportTable(
        "Peers", (Column("what", is_number=False), *map(Column, names)), (*map(_cells, found.rows), *failed)
    )


def _cells(row: PeerRow) -> tuple[str, ...]:
    return (
        row.title,
        f"{row.roc_auc:.3f}",
        "-" if row.fit_s is None else f"{row.fit_s:.2f}",
        f"{row.p50_us:,.1f}",
        f"{row.windows_per_s:,.0f}",
        f"{row.peak_bytes / 1e6:.0f}",
        f"{row.installed_bytes / 1e6:.0f}",
    )
