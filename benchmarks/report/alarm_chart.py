"""The readings of a blamed sensor around an alarm, and what was expected of it."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.report.formats import number
from benchmarks.report.report_model import Alarm, SensorTrace
from benchmarks.report.time_axis import TimeAxis
from benchmarks.report.zoom_chart import Area, Chart, Line, ShadedSpan, chart_html

_HEIGHT_REM, _POINTS = 6.0, 800


def alarm_chart(alarm: Alarm, trace: SensorTrace, axis: TimeAxis) -> str:
    """Return the chart as HTML.

    Parameters
    ----------
    axis : TimeAxis
        The whole recording's; the chart shows the part that the trace covers.
    """
    low, high = _limits(trace)
    part = TimeAxis(float(trace.seconds[0]), float(trace.seconds[-1]), axis.epoch_s, axis.has_time, axis.counted)
    return chart_html(
        Chart(
            alt=f"{trace.sensor} around the alarm: readings, and the expected value with its band.",
            axis=part,
            low=low,
            high=high,
            ticks=_ticks(low, high),
            lines=(
                Line(trace.seconds, trace.expected, "expected"),
                Line(trace.seconds, trace.values, "reading"),
            ),
            areas=(Area(trace.seconds, trace.expected - trace.band, trace.expected + trace.band, "band"),),
            spans=(ShadedSpan(alarm.start_s, alarm.end_s, "alarm"),),
            group=f"alarm-{alarm.number}",
            height_rem=_HEIGHT_REM,
            points=_POINTS,
        )
    )


def _limits(trace: SensorTrace) -> tuple[float, float]:
    """Return limits that show every reading, the expected value and its band."""
    values = trace.values[np.isfinite(trace.values)]
    every = np.concatenate([values, trace.expected - trace.band, trace.expected + trace.band])
    low, high = float(every.min()), float(every.max())
    room = 0.05 * max(high - low, 1e-6 * max(abs(low), abs(high)), 1e-30)
    return low - room, high + room


def _ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step *= next(times for times in (5, 2, 1) if times * step <= (high - low) / 2)
    first = math.ceil(low / step)
    places = [(first + at) * step for at in range(6)]
    return tuple((place, number(0.0 if abs(place) < step / 2 else place)) for place in places if place <= high)
