"""Latency of every contender as bars on a logarithmic scale."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path

from benchmarks.benchmark_result import Benchmark
from benchmarks.report.formats import latency, ratio
from edge_runtime.common.atomic import write_atomically
from edge_runtime.errors import UsageError, missing_extra

_OURS, _OTHERS, _MUTED = "#1f6fb2", "#9aa5b1", "#5f6b7a"
_FORMATS = ("png", "svg")


def write_plot(benchmark: Benchmark, path: Path) -> None:
    """Write a PNG or SVG: bars to the median, a line on to the 99th percentile.

    Raises
    ------
    UsageError
        If the name ends in neither.
    MissingExtraError
        If matplotlib is not installed.
    """
    check_plot(path)
    write_atomically(path, draw(benchmark, path.suffix.removeprefix(".").lower()))


def check_plot(path: Path) -> None:
    """Raise what `write_plot` would, before minutes of measuring."""
    if path.suffix.removeprefix(".").lower() not in _FORMATS:
        raise UsageError(f"a plot is written as .png or .svg. Received: {path}")
    if find_spec("matplotlib") is None:
        raise missing_extra("matplotlib", "workstation", "the plot")


def draw(benchmark: Benchmark, kind: str) -> bytes:
    """Return the picture's bytes; those of an SVG are the same for the same figures."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = sorted(benchmark.latency, key=lambda row: -row.p50_us)
    with mpl.rc_context({"svg.hashsalt": "saelite", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9, 0.7 + 0.32 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        colors = [_OURS if row.contender.kind == "detector" else _OTHERS for row in rows]
        p50 = [row.p50_us for row in rows]
        axes.barh(range(len(rows)), p50, color=colors, height=0.65)
        axes.hlines(range(len(rows)), p50, [row.p99_us for row in rows], color=_MUTED, linewidth=1.2)
        axes.set_xscale("log")
        axes.set_xlim(left=min(p50) / 3, right=max(row.p99_us for row in rows) * 30)
        axes.set_yticks(range(len(rows)), [row.contender.title for row in rows])
        for place, row in enumerate(rows):
            text = f"{latency(row.p50_us)}, {ratio(row.p50_us, benchmark.latency[0].p50_us)}"
            axes.annotate(text, (row.p99_us, place), (4, 0), textcoords="offset points", va="center", fontsize=8)
        axes.set_xlabel("time for one window: bar to the median, line to the 99th percentile")
        axes.xaxis.set_major_formatter(lambda value, _: latency(value))
        axes.spines[["top", "right"]].set_visible(False)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()
