"""A line chart that can be zoomed: SVG that stretches to the page, labels beside it, and `zoom.js` for the rest.

Its lines are drawn in a box of 10,000 by 1,000 that is stretched to whatever the page is wide, so a phone needs no
scrolling; strokes keep their width. Zooming shows a part of the box, and `zoom.js` writes the ticks for it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from benchmarks.report.report_model import Array
from benchmarks.report.time_axis import TimeAxis

_WIDE, _HIGH = 10_000.0, 1_000.0
# A step longer than this many usual ones is a gap: no line is drawn across it.
_GAP_STEPS = 5.0


@dataclass(frozen=True)
class Line:
    """A line: NaN and gaps in `x` break it.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
    style : str
        Its class in the page's style sheet.
    """

    x: Array
    y: Array
    style: str


@dataclass(frozen=True)
class ShadedSpan:
    """A stretch of time that is shaded.

    Parameters
    ----------
    start, end : float
    style : str
    title : str
        Shown under the pointer.
    link : str
        Anchor it leads to; empty for none.
    """

    start: float
    end: float
    style: str
    title: str = ""
    link: str = ""


@dataclass(frozen=True)
class Area:
    """What lies between two lines, both of shape (n,)."""

    x: Array
    low: Array
    high: Array
    style: str


@dataclass(frozen=True)
class Chart:
    """What is drawn.

    Parameters
    ----------
    alt : str
        What the chart shows, in words.
    axis : TimeAxis
    low, high : float
        Limits of y, in the units drawn (a logarithm's own, for scores).
    ticks : tuple of (float, str)
        Of y.
    lines, areas, spans
    levels : tuple of (float, str)
        Horizontal lines, with their style.
    group : str
        Charts of a group are zoomed together.
    height_rem : float
    points : int
        Drawn of each line at most, more or less.
    """

    alt: str
    axis: TimeAxis
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...]
    areas: tuple[Area, ...] = ()
    spans: tuple[ShadedSpan, ...] = ()
    levels: tuple[tuple[float, str], ...] = ()
    group: str = "score"
    height_rem: float = 15.0
    points: int = 8_000


def chart_html(chart: Chart) -> str:
    """Return the chart as HTML that can stand in the page as it is: every name in it is escaped."""
    axis = chart.axis
    kind = "window" if not axis.has_time else "elapsed" if axis.epoch_s is None else "clock"
    shapes = [*(_span(chart, span) for span in chart.spans), *(_area(chart, area) for area in chart.areas)]
    shapes += [f'<path class="{style}" d="M0 {_y(chart, level):.1f}H{_WIDE:.0f}"/>' for level, style in chart.levels]
    shapes += [f'<path class="{line.style}" d="{_path(chart, line)}"/>' for line in chart.lines]
    across = [(100 * _share(axis, at), text) for at, text in axis.ticks()]
    up = [(100 * (1 - _y(chart, at) / _HIGH), text) for at, text in chart.ticks]
    return (
        f'<div class="zoom" data-group="{escape(chart.group)}" data-kind="{kind}" data-low="{axis.low_s:.3f}" '
        f'data-high="{axis.high_s:.3f}" data-epoch="{axis.epoch_s or 0:.3f}">'
        f'<div class="up">{_labels(up, "bottom")}</div>'
        f'<svg viewBox="0 0 {_WIDE:.0f} {_HIGH:.0f}" preserveAspectRatio="none" role="img" tabindex="0" '
        f'style="height:{chart.height_rem:g}rem" aria-label="{escape(chart.alt)}">{"".join(shapes)}</svg>'
        f'<div class="across">{_labels(across, "left")}</div></div>'
    )


def _labels(places: list[tuple[float, str]], side: str) -> str:
    return "".join(f'<span style="{side}:{place:.2f}%">{escape(text)}</span>' for place, text in places)


def _share(axis: TimeAxis, at: float) -> float:
    return (at - axis.low_s) / (axis.length_s or 1.0)


def _y(chart: Chart, value: float) -> float:
    return float(np.clip(_HIGH * (chart.high - value) / (chart.high - chart.low), 0, _HIGH))


def _span(chart: Chart, span: ShadedSpan) -> str:
    start, end = (float(np.clip(_WIDE * _share(chart.axis, at), 0, _WIDE)) for at in (span.start, span.end))
    # What is short is widened until it can be seen.
    rect = f'<rect class="{span.style}" x="{start:.1f}" y="0" width="{max(end - start, 8):.1f}" height="{_HIGH:.0f}">'
    rect += f"<title>{escape(span.title)}</title></rect>"
    return f'<a href="#{escape(span.link)}">{rect}</a>' if span.link else rect


def _area(chart: Chart, area: Area) -> str:
    chosen = _bends(area.low)[:: max(1, len(area.x) // chart.points)]
    chosen = np.append(chosen, len(area.x) - 1)
    x, low, high = area.x[chosen], area.low[chosen], area.high[chosen]
    there = [*zip(x, low, strict=True), *zip(x[::-1], high[::-1], strict=True)]
    points = " ".join(f"{_WIDE * _share(chart.axis, float(x)):.1f} {_y(chart, float(y)):.1f}" for x, y in there)
    return f'<path class="{area.style}" d="M{points}Z"/>'


def _path(chart: Chart, line: Line) -> str:
    """Return the line's path: runs without a gap, each thinned out so that its peaks stay."""
    if not len(line.x):
        return ""
    steps = np.diff(line.x)
    forward = steps[steps > 0]
    usual = float(np.median(forward)) if len(forward) else 1.0
    jumps = np.flatnonzero((steps > _GAP_STEPS * usual) | (steps < 0)) + 1
    edges = [0, *jumps.tolist(), len(line.x)]
    return "".join(_run(chart, line, start, end) for start, end in itertools.pairwise(edges))


def _run(chart: Chart, line: Line, start: int, end: int) -> str:
    points = max(4, round(chart.points * (end - start) / len(line.x)))
    x, y = thinned(line.x[start:end], line.y[start:end], points)
    bends = _bends(y)
    x, y = x[bends], y[bends]
    across = _WIDE * (x - chart.axis.low_s) / (chart.axis.length_s or 1.0)
    up = np.clip(_HIGH * (chart.high - y) / (chart.high - chart.low), 0, _HIGH)
    text, pen = [], "M"
    for at, height in zip(across.tolist(), up.tolist(), strict=True):
        if height != height:  # noqa: PLR0124 - NaN: no value here
            pen = "M"
            continue
        text.append(f"{pen}{at:.1f} {height:.1f}")
        pen = "L"
    # A single point has a length of nothing: a round end makes it a dot.
    return "".join(text) + ("h0" if len(text) == 1 else "")


def _bends(y: Array) -> npt.NDArray[np.intp]:
    """Return where a line is neither as before nor as after: what lies between needs no point."""
    same = y[1:] == y[:-1]
    keep = np.ones(len(y), bool)
    keep[1:-1] = ~(same[1:] & same[:-1])
    return np.flatnonzero(keep)


def thinned(x: Array, y: Array, points: int) -> tuple[Array, Array]:
    """Return at most about `points` of a line that show the same peaks: each bin's lowest and highest.

    Examples
    --------
    >>> spike = np.zeros(1000)
    >>> spike[777] = 5.0
    >>> x, y = thinned(np.arange(1000.0), spike, 100)
    >>> len(x) <= 100, float(y.max()), float(x[y.argmax()])
    (True, 5.0, 777.0)
    """
    if len(x) <= points:
        return x, y
    edges = np.linspace(0, len(x), points // 2 + 1).astype(int)
    known = np.where(np.isnan(y), 0.0, y)
    lowest = [start + known[start:end].argmin() for start, end in itertools.pairwise(edges)]
    highest = [start + known[start:end].argmax() for start, end in itertools.pairwise(edges)]
    keep = np.unique(np.array(lowest + highest, dtype=np.intp))
    return x[keep], y[keep]
