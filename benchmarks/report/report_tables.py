"""The figures of a report as tables of text, the same for page and terminal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.report.blame_table import blamed_sensors
from benchmarks.report.formats import UNKNOWN, duration, file_size, latency, number, percent, ratio
from benchmarks.report.report_model import Alarm, EpochShown, FaultRow, Report
from benchmarks.report.score_chart import time_axis
from benchmarks.report.traces import score_groups
from edge_runtime.common.counted import counted
from edge_runtime.streaming.alarm_rate import alarm_rates

_MAX_ALARMS = 100
_MAX_SENSORS = 12
_TOP = 3


@dataclass(frozen=True)
class Column:
    """Heading of a column; numbers are aligned to the right."""

    name: str
    is_number: bool = True


@dataclass(frozen=True)
class ReportTable:
    """Rows of text; a table without rows is not shown."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


def figures_table(report: Report) -> ReportTable:
    """Return the detection figures and what each means."""
    figures = report.figures
    rows = (
        ("ROC AUC", figures.roc_auc, number, "1 if all anomalous windows score above all normal ones, 0.5 by chance"),
        ("F1", figures.f1, number, "balance of found and false alarms at the threshold, 1 is best"),
        ("FAR", figures.far, percent, "false-alarm rate: normal windows above the threshold"),
        ("MAR", figures.mar, percent, "missed-alarm rate: anomalous windows not above the threshold"),
    )
    known = tuple((name, show(value), meaning) for name, value, show, meaning in rows if value is not None)
    return ReportTable("Detection figures", (_words("figure"), Column("value"), _words("meaning")), known)


def faults_table(report: Report) -> ReportTable:
    """Return each labelled fault with its alarm delay and the sensors blamed most."""
    columns = (_words("fault"), Column("start"), Column("duration"), Column("alarm after"))
    return ReportTable(
        "Labelled faults",
        (*columns, _words("most blamed sensors")),
        tuple(_fault_row(report, row) for row in report.faults),
    )


def alarms_table(report: Report) -> ReportTable:
    """Return the highest alarms in time order."""
    highest = sorted(report.alarms, key=lambda alarm: -alarm.peak)[:_MAX_ALARMS]
    title = (
        "Alarms"
        if len(report.alarms) <= _MAX_ALARMS
        else (f"The {_MAX_ALARMS} highest of {len(report.alarms):,} alarms")
    )
    shown = sorted(highest, key=lambda alarm: alarm.number)
    columns = [Column("start"), Column("end"), Column("duration"), Column("peak / threshold")]
    cells = [list(_alarm_row(report, alarm)) for alarm in shown]
    if report.trace.labels is not None:
        columns.append(_words("during"))
        for row, alarm in zip(cells, shown, strict=True):
            row.append(alarm.during or "no fault")
    if any(alarm.blame for alarm in shown):
        columns.append(_words("most blamed sensors"))
        for row, alarm in zip(cells, shown, strict=True):
            row.append(blamed_text(alarm.blame))
    return ReportTable(title, tuple(columns), tuple(map(tuple, cells)))


def blamed_text(blame: tuple[tuple[str, float], ...]) -> str:
    """Return the sensors blamed most, with their shares."""
    return ", ".join(f"{sensor} {percent(round(share, 2))}" for sensor, share in blame[:_TOP]) or UNKNOWN


def rates_table(report: Report) -> ReportTable:
    """Return how many alarms there are per hour, day and week."""
    rates = alarm_rates(len(report.alarms), report.watched_s)
    rows = ((f"per {period}", number(rate)) for period, rate in rates.items())
    return ReportTable("How often it alarms", (_words(""), Column("alarms")), tuple(rows))


def scores_table(report: Report) -> ReportTable:
    """Return median, tail and share above the threshold of each group of scores."""
    limit = report.trace.threshold
    rows = tuple(
        (
            name,
            f"{len(scores):,}",
            *(number(float(value)) for value in np.quantile(scores, (0.5, 0.99, 1.0), method="higher")),
            percent(float((scores > limit).mean())),
        )
        for name, scores in score_groups(report).items()
    )
    columns = ("windows", "median", "99th percentile", "highest", "above the threshold")
    return ReportTable("Scores", (_words("group"), *map(Column, columns)), rows)


def blame_table(report: Report) -> ReportTable:
    """Return the sensors blamed most over all faults."""
    rows = [row for row in report.faults if row.blame]
    firsts = [row.blame[0][0] for row in rows]
    shares = {sensor: sum(dict(row.blame).get(sensor, 0.0) for row in rows) for sensor in blamed_sensors(rows)}
    shown = list(shares.items())[:_MAX_SENSORS]
    return ReportTable(
        "Blame over all faults",
        (_words("sensor"), Column("mean share"), Column("blamed most in faults")),
        tuple((sensor, percent(total / len(rows)), str(firsts.count(sensor))) for sensor, total in shown),
    )


def training_table(report: Report) -> ReportTable:
    """Return the first epoch, the best and the last."""
    history = report.history
    names = ("epoch", "loss", "validation loss", "KL penalty", "mean activation")
    columns = (_words(""), *map(Column, names))
    if not history:
        return ReportTable("Epochs", columns, ())
    best = min(history, key=lambda epoch: epoch.validation_loss)
    marked = {"first": history[0], "lowest validation loss": best, "last": history[-1]}
    return ReportTable("Epochs", columns, tuple(_epoch_row(name, epoch) for name, epoch in marked.items()))


def latency_table(report: Report) -> ReportTable:
    """Return the times for one window and how many times the first row each takes."""
    rows = report.latency
    columns = (_words("runs as"), Column("p50"), Column("p99"), Column("p50 ratio"), _words("note"))
    return ReportTable(
        "Latency for one window",
        columns,
        tuple(
            (row.name, latency(row.p50_us), latency(row.p99_us), ratio(row.p50_us, rows[0].p50_us), row.note)
            for row in rows
        ),
    )


def sizes_table(report: Report) -> ReportTable:
    """Return the file sizes, and how many times the smallest with the same in it each is."""
    smallest: dict[str, int] = {}
    for size in report.sizes:
        smallest[size.holds] = min(size.n_bytes, smallest.get(size.holds, size.n_bytes))
    return ReportTable(
        "File sizes",
        (_words("holds"), _words("file"), Column("size"), Column("ratio")),
        tuple(
            (size.holds, size.name, file_size(size.n_bytes), ratio(size.n_bytes, smallest[size.holds]))
            for size in report.sizes
        ),
    )


def facts_table(report: Report) -> ReportTable:
    """Return facts about the model."""
    return ReportTable("Model", (_words("property"), _words("value")), report.facts)


def _words(name: str) -> Column:
    return Column(name, is_number=False)


def _fault_row(report: Report, row: FaultRow) -> tuple[str, ...]:
    delay = "no alarm" if row.delay_s is None else _delay(report, row.delay_s)
    axis = time_axis(report.trace)
    how_long = axis.length_text(row.start_s, row.start_s + row.duration_s)
    return (row.fault, axis.text(row.start_s), how_long, delay, blamed_text(row.blame))


def _delay(report: Report, delay_s: float) -> str:
    trace = report.trace
    return duration(delay_s) if trace.has_time else counted(round(delay_s), trace.counted)


def _alarm_row(report: Report, alarm: Alarm) -> tuple[str, ...]:
    axis = time_axis(report.trace)
    how_long = axis.length_text(alarm.start_s, alarm.end_s)
    peak = ratio(alarm.peak, report.trace.threshold)
    return (axis.text(alarm.start_s), axis.text(alarm.end_s), how_long, peak)


def _epoch_row(name: str, epoch: EpochShown) -> tuple[str, ...]:
    values = (epoch.loss, epoch.validation_loss, epoch.penalty, epoch.mean_activation)
    return (name, str(epoch.epoch), *map(number, values))
