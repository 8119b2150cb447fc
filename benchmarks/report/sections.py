"""The report's sections in reading order; to add one, write its function and name it in `_SECTIONS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.report import benchmark_tables, learnt_sections, plots
from benchmarks.report import report_tables as tables
from benchmarks.report.alarm_chart import alarm_chart
from benchmarks.report.formats import number, percent, ratio
from benchmarks.report.report_model import Alarm, Report
from benchmarks.report.report_tables import ReportTable
from benchmarks.report.score_chart import score_chart, time_axis


@dataclass(frozen=True)
class Detail:
    """One alarm, with a chart for each sensor to blame.

    Parameters
    ----------
    anchor, title, text : str
    charts : tuple of (str, str)
        What each shows, and its HTML.
    """

    anchor: str
    title: str
    text: str
    charts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it.

    Parameters
    ----------
    anchor, title : str
    text : str
        How to read the section.
    plot : str
        An SVG element or a chart, or empty.
    tables : tuple of ReportTable
    details : tuple of Detail
    """

    anchor: str
    title: str
    text: str
    plot: str = ""
    tables: tuple[ReportTable, ...] = ()
    details: tuple[Detail, ...] = ()


def sections(report: Report) -> list[Section]:
    """Return the sections that have something to show."""
    return [section for make in _SECTIONS if (section := make(report)) is not None]


def _detection(report: Report) -> Section | None:
    table, figures = tables.figures_table(report), report.figures
    # Without anomalies there is nothing to detect; the false-alarm rate stands above all sections.
    if not table.rows or not figures.n_anomalous:
        return None
    text = f"{figures.n_windows:,} windows, {figures.n_anomalous:,} of them labelled anomalous."
    return Section("detection", "Does it detect?", text, tables=(table,))


def _scores_over_time(report: Report) -> Section | None:
    trace = report.trace
    if np.isnan(trace.scores).all():
        return None
    text = f"The smoothed score on a log axis, the threshold of {number(trace.threshold)} dashed, alarms in red."
    if report.faults or (trace.labels is not None and trace.labels.any()):
        text += " Labelled faults are shaded; red outside of them is a false alarm."
    if any(alarm.traces for alarm in report.alarms):
        text += " Click an alarm to see its sensors."
    text += " Drag to move, pinch or Ctrl + wheel to zoom."
    shown = (tables.rates_table(report), tables.faults_table(report), tables.alarms_table(report))
    return Section("alarms", "When does it alarm?", text, score_chart(trace, report.alarms), shown)


def _alarm_details(report: Report) -> Section | None:
    shown = [alarm for alarm in report.alarms if alarm.traces]
    if not shown:
        return None
    text = (
        "The readings of the sensors to blame around each alarm, in their own units: a line for the readings, dashed "
        "what was expected, shaded the band around it."
    )
    if len(shown) < len(report.alarms):
        text += f" Shown are the {len(shown)} highest of {len(report.alarms):,} alarms."
    details = tuple(_detail(report, alarm) for alarm in shown)
    return Section("sensors", "What did the sensors do?", text, details=details)


def _detail(report: Report, alarm: Alarm) -> Detail:
    axis = time_axis(report.trace)
    shares = dict(alarm.blame)
    how_long = axis.length_text(alarm.start_s, alarm.end_s)
    text = f"{axis.text(alarm.start_s)} to {axis.text(alarm.end_s)}, {how_long}; "
    text += f"peak {ratio(alarm.peak, report.trace.threshold)} the threshold"
    text += f"; during {alarm.during}" if alarm.during else ""
    text += "; only its beginning is drawn" if alarm.is_cut else ""
    charts = tuple(
        (f"{one.sensor}, {percent(round(shares.get(one.sensor, 0.0), 2))} of the score", alarm_chart(alarm, one, axis))
        for one in alarm.traces
    )
    return Detail(f"alarm-{alarm.number}", f"Alarm {alarm.number}", f"{text}.", charts)


def _blame(report: Report) -> Section | None:
    if not any(row.blame for row in report.faults):
        return None
    text = "Each sensor's share of the score during a fault, for the sensors blamed most."
    table = tables.blame_table(report)
    return Section("blame", "Which sensors are to blame?", text, plots.blame_plot(report.faults), (table,))


def _score_groups(report: Report) -> Section | None:
    table = tables.scores_table(report)
    if not table.rows:
        return None
    text = (
        "Normal scores belong left of the threshold, anomalous ones right of it; "
        "the wider the gap, the less the choice of threshold matters."
    )
    return Section("scores", "How are the scores spread?", text, plots.histogram_plot(report), (table,))


def _speed(report: Report) -> Section | None:
    if not report.latency:
        return None
    text = f"Time to score one window; ratios compare with the first row, {report.latency[0].name}."
    table = tables.latency_table(report)
    return Section("speed", "How fast is it?", text, plots.latency_plot(report.latency), (table,))


def _resources(report: Report) -> Section | None:
    if report.benchmark is None:
        return None
    text = "Memory is that of the whole process, Python included; a cold start ends with the first result."
    makers = (benchmark_tables.resources_table, benchmark_tables.failures_table, benchmark_tables.machine_table)
    shown = tuple(make(report.benchmark) for make in makers)
    return Section("resources", "What does it take, and where was it measured?", text, tables=shown)


def _sizes(report: Report) -> Section | None:
    table = tables.sizes_table(report)
    return Section("sizes", "How large is it?", "", tables=(table,)) if table.rows else None


def _training(report: Report) -> Section | None:
    if not report.history:
        return None
    plot = plots.training_plot(report.history, report.rho)
    text = "The KL penalty draws the mean activation of the codes towards the target; it exists in training only."
    return Section("training", "How was it trained?", text, plot, (tables.training_table(report),))


def _learnt(report: Report) -> Section | None:
    if report.learnt is None:
        return None
    text = (
        "On held-out windows. A code fires where it is above one half; one that never does is a unit too many. "
        f"{learnt_sections.silent_codes(report.learnt)} A sensor with an error near 1 was not learnt at all."
    )
    shown = (
        learnt_sections.quality_table(report.learnt),
        learnt_sections.sensors_table(report.learnt),
        learnt_sections.codes_table(report.learnt),
    )
    return Section("learnt", "What did it learn?", text, learnt_sections.codes_plot(report.learnt, report.rho), shown)


def _facts(report: Report) -> Section | None:
    table = tables.facts_table(report)
    return Section("model", "What is in the model?", "", tables=(table,)) if table.rows else None


_SECTIONS: tuple[Callable[[Report], Section | None], ...] = (
    _detection,
    _scores_over_time,
    _alarm_details,
    _blame,
    _score_groups,
    _speed,
    _resources,
    _sizes,
    _training,
    _learnt,
    _facts,
)
