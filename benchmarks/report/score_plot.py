"""The score over time, with its threshold, the labelled faults and the alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
)
from benchmarks.report.flags import LEADER, SLANT_DEGREES, Flag, place_flags, reach
from benchmarks.report.formats import clock_unit, number, percent, shortened
from benchmarks.report.model import Array, ScoreTrace
from benchmarks.report.traces import Span, alarm_spans, envelope, fault_spans, length_s, merged, positive, step_s

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEFT, _RIGHT, _BOTTOM, _TOP = 0.75, 0.15, 0.48, 0.1
_HEIGHT, _STRIP = 2.6, 0.17
_POINTS = 1600
_NAME_LENGTH = 22


@dataclass(frozen=True)
class _Clock:
    """The time axis: its limits and how wide it is drawn."""

    low_s: float
    high_s: float
    unit_s: float
    unit: str
    inches: float

    def inch(self, at_s: float) -> float:
        return (at_s - self.low_s) / (self.high_s - self.low_s) * self.inches

    def pairs(self, spans: list[Span]) -> list[tuple[float, float]]:
        resolution_s = (self.high_s - self.low_s) / 450
        return [(start, width) for start, width in merged(spans, resolution_s) / self.unit_s]


def score_plot(trace: ScoreTrace) -> str:
    """Return the plot as SVG; a long trace keeps its peaks (see `traces.envelope`)."""
    faults = fault_spans(trace)
    names = [shortened(span.name, _NAME_LENGTH) for span in faults]
    clock = _clock(trace, _overhang(trace, faults, names))
    named = [(name, clock.inch(span.start_s)) for name, span in zip(names, faults, strict=True) if name]
    flags = place_flags([name for name, _ in named], [x for _, x in named], clock.inches)
    bottom = _BOTTOM + _STRIP * (1 + bool(faults)) + 0.06

    def paint(figure: Figure) -> None:
        axes = axes_at(figure, _LEFT, bottom, clock.inches, _HEIGHT)
        strip = axes_at(figure, _LEFT, _BOTTOM, clock.inches, bottom - _BOTTOM - 0.06)
        _paint_faults(axes, clock, faults)
        _paint_scores(axes, clock, trace)
        _paint_flags(axes, clock.inches, flags)
        _paint_strip(strip, clock, trace, faults)

    above = max((LEADER + reach(flag.name)[1] for flag in flags), default=_TOP)
    height = bottom + _HEIGHT + above
    return render("score", _alt(trace, faults), (WIDTH, height), paint)


def _clock(trace: ScoreTrace, right: float) -> _Clock:
    low, high = float(trace.seconds[0]) - step_s(trace.seconds), float(trace.seconds[-1])
    high += 0.01 * (high - low)
    unit = clock_unit(length_s(trace)) if trace.has_time else (1.0, "")
    return _Clock(low, high, *unit, WIDTH - _LEFT - right)


def _overhang(trace: ScoreTrace, faults: list[Span], names: list[str]) -> float:
    clock = _clock(trace, _RIGHT)
    ends = [clock.inch(span.start_s) + reach(name)[0] for span, name in zip(faults, names, strict=True)]
    return max(_RIGHT, *(_RIGHT + end - clock.inches for end in ends)) if ends else _RIGHT


def _paint_faults(axes: Axes, clock: _Clock, faults: list[Span]) -> None:
    where = axes.get_xaxis_transform()
    axes.broken_barh(clock.pairs(faults), (0, 1), transform=where, facecolors=FAULT, alpha=0.22, linewidth=0)


def _paint_scores(axes: Axes, clock: _Clock, trace: ScoreTrace) -> None:
    x, y = _line(trace)
    limit = trace.threshold if trace.threshold > 0 else float(y.min())
    limits = log_limits(np.append(y, limit))
    x = x / clock.unit_s
    for color, *part in ((NORMAL, limits[0], limit), (ALARM, limit, limits[1])):
        (line,) = axes.plot(x, y, color=color, linewidth=0.8, marker="" if len(x) > 2 else "o", markersize=4)
        line.set_clip_path(axes.axhspan(*part, visible=False))
    axes.axhline(limit, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set_yscale("log")
    axes.set_ylim(limits)
    label_log_ticks(axes.yaxis, limits)
    axes.set_xlim(clock.low_s / clock.unit_s, clock.high_s / clock.unit_s)
    axes.tick_params(axis="x", labelbottom=False, length=0)
    axes.set_ylabel("score")


def _line(trace: ScoreTrace) -> tuple[Array, Array]:
    known = ~np.isnan(trace.scores)
    return envelope(trace.seconds[known], positive(trace.scores[known], trace.threshold), _POINTS)


def _paint_flags(axes: Axes, across: float, flags: list[Flag]) -> None:
    where, top = axes.transAxes, 1 + LEADER / _HEIGHT
    for flag in flags:
        ends = [flag.x / across, flag.shown_x / across]
        axes.plot(ends, [1, top], transform=where, color=FAULT, linewidth=0.8, clip_on=False)
        text = axes.text(ends[1], top, flag.name, transform=where, fontsize=SMALL)
        text.set(rotation=SLANT_DEGREES, rotation_mode="anchor")


def _paint_strip(axes: Axes, clock: _Clock, trace: ScoreTrace, faults: list[Span]) -> None:
    rows = [("alarm", alarm_spans(trace), ALARM)] + [("fault", faults, FAULT)] * bool(faults)
    for row, (_, spans, color) in enumerate(rows):
        axes.broken_barh(clock.pairs(spans), (row + 0.12, 0.76), facecolors=color, linewidth=0)
    axes.set_yticks([row + 0.5 for row in range(len(rows))], [name for name, _, _ in rows])
    axes.tick_params(axis="y", length=0, labelcolor=MUTED)
    axes.set(ylim=(0, len(rows)), xlim=(clock.low_s / clock.unit_s, clock.high_s / clock.unit_s))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"time [{clock.unit}]" if trace.has_time else "window")


def _alt(trace: ScoreTrace, faults: list[Span]) -> str:
    return (
        f"Score over time on a log axis: {len(trace.scores)} windows, {percent(float(trace.alarms.mean()))} of them "
        f"above the threshold of {number(trace.threshold)}; {len(faults)} labelled faults are shaded."
    )
