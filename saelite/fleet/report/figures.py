"""The figures of a fleet: how each is called, written and spread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.report.drawing import GRID, INK, NORMAL, axes_at, render
from benchmarks.report.formats import file_size, number, percent
from edge_runtime.common.counted import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BINS = 24
_SIZE = (3.4, 1.35)
# Spread over more than this factor, a figure is drawn on a log axis.
_LOG = 50.0


class FleetFigure(NamedTuple):
    """A figure of each asset.

    Parameters
    ----------
    column : str
        Of the fleet's table.
    title : str
    show : callable
        Writes a value.
    meaning : str
    """

    column: str
    title: str
    show: Callable[[Any], str]
    meaning: str


FIGURES = (
    FleetFigure("rows", "rows", number, "readings in the recording"),
    FleetFigure("sensors", "sensors", number, "that the model takes"),
    FleetFigure("promised", "promised false alarms", number, "in the unit of the alarm budget"),
    FleetFigure("measured", "measured false alarms", number, "on the asset's own recording, in the same unit"),
    FleetFigure("measured_share", "windows above the threshold", percent, "of the asset's own recording"),
    FleetFigure("detection", "synthetic faults found", percent, "at the alarm budget"),
    FleetFigure("roc_auc", "ROC AUC", number, "normal windows against synthetic faults"),
    FleetFigure("alarm_agreement", "parity", percent, "windows on which the file alarms as float32 does"),
    FleetFigure("loss", "validation loss", number, "of the best epoch"),
    FleetFigure("unlike", "distance from the others", number, "robust standard deviations, from 8 on unlike"),
    FleetFigure("bytes", "file size", file_size, "of the model file"),
    FleetFigure("cpu_s", "CPU seconds", number, "all steps and checks"),
)


class Spread(NamedTuple):
    """How a figure is spread over the fleet.

    Parameters
    ----------
    title, meaning, text : str
    plot : str
        SVG; empty where all are equal.
    """

    title: str
    meaning: str
    text: str
    plot: str


def spreads(rows: Sequence[dict[str, Any]]) -> list[Spread]:
    """Return the spread of every figure that at least two assets have."""
    found = []
    for figure in FIGURES:
        known = [(float(row[figure.column]), str(row["asset"])) for row in rows if row[figure.column] is not None]
        if len(known) >= 2:
            found.append(_spread(figure, sorted(known)))
    return found


def _spread(figure: FleetFigure, known: Sequence[tuple[float, str]]) -> Spread:
    values = np.array([value for value, _ in known])
    (low, lowest), (high, highest) = known[0], known[-1]
    show = figure.show
    if low == high:
        return Spread(figure.title, figure.meaning, f"{show(low)} for all {counted(len(known), 'asset')}", "")
    text = f"median {show(float(np.median(values)))}; from {show(low)} ({lowest}) to {show(high)} ({highest})"
    return Spread(figure.title, figure.meaning, text, _histogram(figure, values, text))


def _histogram(figure: FleetFigure, values: np.ndarray[Any, np.dtype[np.float64]], text: str) -> str:
    is_log = values[0] > 0 and values[-1] > _LOG * values[0]
    edges = np.geomspace if is_log else np.linspace
    counts, places = np.histogram(values, edges(values[0], values[-1], _BINS + 1))

    def paint(drawing: Figure) -> None:
        axes = axes_at(drawing, 0.35, 0.3, _SIZE[0] - 0.55, _SIZE[1] - 0.38)
        axes.stairs(counts, places, fill=True, color=NORMAL)
        axes.axvline(float(np.median(values)), color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        if is_log:
            axes.set_xscale("log")
            axes.set_xticks(places[[0, _BINS // 2, _BINS]])
            axes.minorticks_off()
        else:
            axes.locator_params(axis="x", nbins=4)
        axes.xaxis.set_major_formatter(lambda value, _: figure.show(value))
        axes.locator_params(axis="y", integer=True, nbins=3)
        axes.grid(visible=False, axis="x")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", color=GRID, length=0)

    return render(f"fleet-{figure.column}", f"{figure.title}: {text}.", _SIZE, paint)
