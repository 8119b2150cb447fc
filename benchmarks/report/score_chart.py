"""The score over the whole recording, with its threshold, the labelled faults and the alarms; zoomable."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.report.drawing import log_limits
from benchmarks.report.formats import number, percent, power_of_ten
from benchmarks.report.report_model import Alarm, ScoreTrace
from benchmarks.report.time_axis import TimeAxis
from benchmarks.report.traces import fault_spans, positive, step_s
from benchmarks.report.zoom_chart import Chart, Line, ShadedSpan, chart_html


def time_axis(trace: ScoreTrace) -> TimeAxis:
    """Return the axis for a trace's times."""
    if not len(trace.seconds):
        return TimeAxis(0.0, 1.0, trace.epoch_s, trace.has_time, trace.counted)
    low, high = float(trace.seconds[0]) - step_s(trace.seconds), float(trace.seconds.max())
    return TimeAxis(low, high, trace.epoch_s, trace.has_time, trace.counted)


def score_chart(trace: ScoreTrace, alarms: tuple[Alarm, ...]) -> str:
    """Return the chart as HTML; a long trace keeps its peaks."""
    known = np.where(np.isnan(trace.scores), np.nan, positive(trace.scores, trace.threshold))
    limit = trace.threshold if trace.threshold > 0 else float(np.nanmin(known))
    low, high = (math.log10(end) for end in log_limits(np.append(known[np.isfinite(known)], limit)))
    axis, faults = time_axis(trace), fault_spans(trace)
    line = np.log10(known)
    chart = Chart(
        alt=(
            f"Score over time on a log axis: {len(trace.scores):,} windows, "
            f"{percent(float(trace.anomalies.mean()))} of them above the threshold of {number(trace.threshold)}; "
            f"{len(alarms)} alarms, {len(faults)} labelled faults."
        ),
        axis=axis,
        low=low,
        high=high,
        ticks=_ticks(low, high),
        lines=(Line(trace.seconds, line, "score"),),
        spans=(
            *(ShadedSpan(span.start_s, span.end_s, "fault", span.name or "labelled") for span in faults),
            *(_alarm_span(axis, alarm) for alarm in alarms),
        ),
        levels=((math.log10(limit), "threshold"),),
    )
    return chart_html(chart)


def _alarm_span(axis: TimeAxis, alarm: Alarm) -> ShadedSpan:
    how_long = f", {axis.length_text(alarm.start_s, alarm.end_s)}"
    blamed = f": {', '.join(name for name, _ in alarm.blame)}" if alarm.blame else ""
    link = f"alarm-{alarm.number}" if alarm.traces else ""
    return ShadedSpan(alarm.start_s, alarm.end_s, "alarm", f"alarm {axis.text(alarm.start_s)}{how_long}{blamed}", link)


def _ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    leads = (1, 2, 5) if high - low < 2 else (1,)
    decades = range(math.floor(low), math.ceil(high) + 1)
    places = [(decade + math.log10(lead), power_of_ten(lead * 10.0**decade)) for decade in decades for lead in leads]
    return tuple((at, text) for at, text in places if low <= at <= high)
