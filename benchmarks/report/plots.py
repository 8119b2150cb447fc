"""The plots of the report, each a function from figures to an SVG element."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.report.blame_table import BlameMatrix, blame_matrix
from benchmarks.report.drawing import (
    ALARM,
    FAULT,
    INK,
    MUTED,
    NORMAL,
    SMALL,
    WIDTH,
    axes_at,
    label_log_ticks,
    log_limits,
    render,
    text_width,
)
from benchmarks.report.formats import latency, number, percent, ratio, shortened
from benchmarks.report.report_model import Array, EpochShown, FaultRow, LatencyRow, Report
from benchmarks.report.traces import positive, score_groups
from benchmarks.report.zoom_chart import thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["blame_plot", "histogram_plot", "latency_plot", "training_plot"]

_MAX_SENSORS = 8
_EPOCHS_DRAWN = 400
_BINS = 60


def training_plot(history: tuple[EpochShown, ...], rho: float | None = None) -> str:
    """Return loss, penalty and mean activation by epoch; `rho` is the target activation, where known."""

    def paint(figure: Figure) -> None:
        width, gap = 2.35, 0.62
        panels = [axes_at(figure, 0.55 + at * (width + gap), 0.45, width, 1.65) for at in range(3)]
        _curve(panels[0], history, "loss", label="training")
        _curve(panels[0], history, "validation_loss", color=INK, linestyle="--", label="validation")
        _curve(panels[1], history, "penalty")
        _curve(panels[2], history, "mean_activation")
        if rho is not None:
            panels[2].axhline(rho, color=INK, linewidth=0.9, linestyle=":", label="target ρ")
            panels[2].legend(loc="best")
        panels[0].legend(loc="upper right")
        for axes, title in zip(panels, ("loss", "KL penalty", "mean activation"), strict=True):
            _finish_panel(axes, title)

    last = history[-1]
    alt = (
        f"Training curve over {len(history)} epochs; at the end the loss is {number(last.loss)}, "
        f"the validation loss {number(last.validation_loss)}, the mean activation {number(last.mean_activation)}."
    )
    return render("training", alt, (WIDTH, 2.4), paint)


def histogram_plot(report: Report) -> str:
    """Return how normal and anomalous scores spread around the threshold, on a log axis."""
    threshold = report.trace.threshold
    groups = score_groups(report)
    every = positive(np.concatenate([*groups.values(), [threshold]]), threshold)
    limits = log_limits(every)
    edges = np.geomspace(*limits, _BINS + 1)

    def paint(figure: Figure) -> None:
        axes = axes_at(figure, 0.75, 0.45, WIDTH - 0.9, 1.9)
        for name, scores in groups.items():
            counts, _ = np.histogram(np.clip(scores, every.min(), every.max()), edges)
            _histogram(axes, name, counts / len(scores), edges)
        axes.axvline(every[-1], color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label=f"threshold {number(threshold)}")
        axes.set_xscale("log")
        axes.set_xlim(limits)
        label_log_ticks(axes.xaxis, limits)
        axes.yaxis.set_major_formatter(lambda share, _: percent(share))
        axes.set(xlabel="score", ylabel="share of windows")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.2, handlelength=1.4)

    alt = f"Histogram of scores on a log axis: {', '.join(groups)}; threshold at {number(threshold)}."
    return render("histogram", alt, (WIDTH, 2.7), paint)


def latency_plot(rows: tuple[LatencyRow, ...]) -> str:
    """Return bars of the median time for one window, on a log axis, with the ratio to the first row."""
    names = [shortened(row.name, 36) for row in rows]
    left = 0.2 + max(map(text_width, names))
    labels = [latency(row.p50_us) + f", {ratio(row.p50_us, rows[0].p50_us)}" * (row is not rows[0]) for row in rows]
    medians = np.maximum([row.p50_us for row in rows], 1e-3)
    tails = np.maximum([row.p99_us for row in rows], medians)
    limits = _room_for_labels(medians.min() / 3, tails.max(), 1.6 / (WIDTH - left - 0.15))

    def paint(figure: Figure) -> None:
        axes = axes_at(figure, left, 0.45, WIDTH - left - 0.15, 0.32 * len(rows))
        places = np.arange(len(rows))
        axes.barh(places, medians - limits[0], left=limits[0], height=0.62, color=[NORMAL] + [MUTED] * (len(rows) - 1))
        axes.hlines(places, medians, tails, color=MUTED, linewidth=1.2)
        axes.plot(tails, places, "|", color=MUTED, markersize=7)
        for place, (tail, label) in enumerate(zip(tails, labels, strict=True)):
            axes.annotate(label, (tail, place), (6, 0), textcoords="offset points", va="center", fontsize=SMALL)
        axes.set_xscale("log")
        axes.set(xlim=limits, ylim=(len(rows) - 0.5, -0.5), xlabel="time for one window: bar p50, whisker p99")
        axes.set_yticks(places, names)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(lambda value, _: latency(value))
        axes.xaxis.set_minor_formatter(lambda *_: "")

    alt = "Median time for one window: " + ", ".join(f"{row.name} {latency(row.p50_us)}" for row in rows) + "."
    return render("latency", alt, (WIDTH, 0.55 + 0.32 * len(rows)), paint)


def blame_plot(faults: tuple[FaultRow, ...]) -> str:
    """Return a heat map: each fault's share of blame on the sensors blamed most overall."""
    matrix = blame_matrix(faults, _MAX_SENSORS)
    rows, sensors = [shortened(name, 34) for name in matrix.faults], [shortened(name, 22) for name in matrix.sensors]
    left = 0.2 + max(map(text_width, rows))
    cell = min(1.1, (WIDTH - left - 0.8) / len(sensors))
    longest = max(map(text_width, sensors))
    is_slanted = longest > cell - 0.08
    top = 0.1 + (longest * math.sin(math.radians(30)) + 0.12 if is_slanted else 0.2)

    def paint(figure: Figure) -> None:
        axes = axes_at(figure, left, 0.08, cell * len(sensors), 0.25 * len(rows))
        _heat(axes, matrix)
        axes.set(xlim=(0, len(sensors)), ylim=(len(rows), 0))
        axes.set_xticks(np.arange(len(sensors)) + 0.5, sensors)
        axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
        axes.tick_params(length=0, labelcolor=INK, labeltop=True, labelbottom=False)
        if is_slanted:
            for label in axes.get_xticklabels():
                label.set(rotation=30, ha="left", rotation_mode="anchor")
        axes.spines[:].set_visible(False)
        axes.grid(visible=False)

    alt = f"Heat map of {len(rows)} faults by {len(sensors)} sensors; most blamed overall: {', '.join(sensors[:3])}."
    return render("blame", alt, (WIDTH, top + 0.08 + 0.25 * len(rows)), paint)


def _curve(axes: Axes, history: tuple[EpochShown, ...], field: str, **line: Any) -> None:
    values = np.array([getattr(epoch, field) for epoch in history], dtype=np.float64)
    epochs = np.array([epoch.epoch for epoch in history], dtype=np.float64)
    x, y = thinned(epochs, values, _EPOCHS_DRAWN)
    axes.plot(x, y, **{"color": NORMAL, "linewidth": 1.3, "marker": "" if len(x) > 2 else "o", **line})


def _finish_panel(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_xlabel("epoch")
    axes.margins(y=0.12)
    axes.locator_params(axis="x", integer=True, nbins=5)
    axes.yaxis.set_major_formatter(lambda value, _: number(value))


def _histogram(axes: Axes, name: str, shares: Array, edges: Array) -> None:
    is_held_out, is_anomalous = name.startswith("normal, held"), name.startswith("anomalous")
    color = ALARM if is_anomalous else NORMAL if name.startswith("normal") else FAULT
    if is_held_out:
        axes.stairs(shares, edges, fill=True, color=color, alpha=0.3, label=name)
    else:
        axes.stairs(shares, edges, fill=is_anomalous, color=color, alpha=0.45 if is_anomalous else 1, label=name)


def _room_for_labels(low: float, high: float, share: float) -> tuple[float, float]:
    return low, low * (max(high, 10 * low) / low) ** (1 / (1 - share))


def _heat(axes: Axes, matrix: BlameMatrix) -> None:
    for row, shares in enumerate(matrix.shares):
        for column, share in enumerate(shares):
            strength = 0.05 + 0.6 * min(max(share, 0.0), 1.0)
            axes.barh(row + 0.5, 0.95, 0.86, left=column + 0.025, color=ALARM, alpha=strength, linewidth=0)
            if share >= 0.005:
                axes.text(column + 0.5, row + 0.5, percent(round(share, 2)), ha="center", va="center", fontsize=SMALL)
