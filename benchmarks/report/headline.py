"""The answer in a sentence or two, and the few figures to see first."""

from __future__ import annotations

import math
import statistics

from benchmarks.report.formats import duration, latency, number, percent, ratio
from benchmarks.report.report_model import Report
from edge_runtime.streaming.alarm_rate import alarm_rates, alarms_text


def verdict(report: Report) -> str:
    """Return the report's conclusions in sentences."""
    parts = (_on_alarms(report), _on_faults(report), _on_windows(report), _on_speed(report))
    return " ".join(filter(None, parts))


def tiles(report: Report) -> tuple[tuple[str, str], ...]:
    """Return the first figures, name and value; unknown ones are left out."""
    figures = report.figures
    found = [row.delay_s for row in report.faults if row.delay_s is not None]
    trace, is_unknown = report.trace, figures.far is None and len(report.trace.scores) > 0
    per_day = alarm_rates(len(report.alarms), report.watched_s).get("day")
    every = (
        ("alarms", f"{len(report.alarms):,}" if len(trace.scores) else None),
        ("alarms a day", None if per_day is None else number(per_day)),
        ("windows above the threshold", percent(float(trace.anomalies.mean())) if is_unknown else None),
        ("F1", None if figures.f1 is None else number(figures.f1)),
        ("ROC AUC", None if figures.roc_auc is None else number(figures.roc_auc)),
        ("false-alarm rate", None if figures.far is None else percent(figures.far)),
        ("missed-alarm rate", None if figures.mar is None or math.isnan(figures.mar) else percent(figures.mar)),
        ("faults found", f"{len(found)} of {len(report.faults)}" if report.faults else None),
        ("median alarm delay", duration(statistics.median(found)) if found else None),
        ("time for one window", latency(report.latency[0].p50_us) if report.latency else None),
    )
    return tuple((name, value) for name, value in every if value is not None)


def _on_alarms(report: Report) -> str:
    if not len(report.trace.scores):
        return ""
    sentence = alarms_text(len(report.alarms), report.watched_s)
    if report.trace.labels is not None and report.trace.labels.any() and report.alarms:
        false = sum(not alarm.during for alarm in report.alarms)
        sentence += f", {false:,} of them in normal work"
    return f"{sentence}."


def _on_faults(report: Report) -> str:
    if not report.faults:
        return ""
    delays = [row.delay_s for row in report.faults if row.delay_s is not None]
    after = f", with a median delay of {duration(statistics.median(delays))}" if delays else ""
    return f"The detector alarmed in {len(delays)} of {len(report.faults)} labelled faults{after}."


def _on_windows(report: Report) -> str:
    figures, trace = report.figures, report.trace
    if figures.far is not None:
        n_normal = figures.n_windows - figures.n_anomalous
        return f"{percent(figures.far)} of the {n_normal:,} normal windows are false alarms."
    if trace.labels is not None or not len(trace.scores):
        return ""
    share = percent(float(trace.anomalies.mean()))
    return f"The recording has no labels; {share} of its {len(trace.scores):,} windows are above the threshold."


def _on_speed(report: Report) -> str:
    if not report.latency:
        return ""
    first, *others = report.latency
    sentence = f"One window takes {latency(first.p50_us)}"
    if not others or not first.p50_us:
        return sentence + "."
    fastest = min(others, key=lambda row: row.p50_us)
    times = ratio(fastest.p50_us, first.p50_us)
    what = f" ({fastest.note})" if fastest.note else ""
    return f"{sentence}; the fastest alternative, {fastest.name}{what}, takes {times} that time."
