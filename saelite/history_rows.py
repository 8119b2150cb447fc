"""Alarms and trends of a history as records to print."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import UsageError
from edge_runtime.history.history import History
from edge_runtime.history.records import Alarm, Mark
from edge_runtime.model_file.json_codec import to_json
from edge_runtime.streaming.blame import explanation
from edge_runtime.streaming.results import time_text, time_texts

if TYPE_CHECKING:
    from edge_runtime.history.trend import SensorTrend, Trend

Record = dict[str, Any]
_DAY_S = 86_400.0
_COLUMNS = {"lowest": "lowest", "mean": "mean", "highest": "highest", "threshold": "threshold", "alarm": "alarm_share"}


def alarm_records(alarms: Iterable[Alarm], form: str | None) -> list[Record]:
    """Return what is printed of alarms: all that is known for JSON, what a row has room for otherwise."""
    return [_whole(alarm) if form == "json" else _row(alarm) for alarm in alarms]


def trend_records(
    history: History, machine: str, sensor: str | None, since_s: float | None, points: int
) -> list[Record]:
    """Return the points of a score's or a sensor's trend; gaps have no numbers.

    Raises
    ------
    UsageError
        If there is no such sensor.
    """
    first_s, last_s = history.span(machine)
    # A reading from the far future, by a clock that was wrong, does not stretch a trend to there.
    until_s = min(last_s, time.time() + _DAY_S) if first_s < time.time() else last_s
    since_s = first_s if since_s is None else since_s
    found: Trend | SensorTrend
    if sensor is None:
        found = history.trend(machine, since_s, until_s, points)
    elif sensor in history.sensors(machine):
        found = history.sensor_trend(machine, sensor, since_s, until_s, points)
    else:
        names = ", ".join(history.sensors(machine))
        raise UsageError(f"--sensor: expected one of {names}. Received: {sensor!r}")
    columns = {name: getattr(found, column).tolist() for name, column in _COLUMNS.items() if hasattr(found, column)}
    return [
        {"time": text, **{name: _short(values[row]) for name, values in columns.items()}}
        for row, text in enumerate(time_texts(found.times))
    ]


def _row(alarm: Alarm) -> Record:
    return {
        "alarm": alarm.id,
        "machine": alarm.machine,
        "start": time_text(alarm.started_s),
        "end": "" if alarm.ended_s is None else time_text(alarm.ended_s),
        "peak": _short(alarm.peak_score),
        "threshold": _short(alarm.threshold),
        "sensors": explanation(alarm.blamed),
        "said": "; ".join(map(_said, alarm.marks)),
    }


def _whole(alarm: Alarm) -> Record:
    row = _row(alarm)
    return {
        **row,
        "end": row["end"] or None,
        "noted": time_text(alarm.noted_s),
        "sensors": to_json(alarm.blamed),
        "said": [_mark(mark) for mark in alarm.marks],
    }


def _mark(mark: Mark) -> Record:
    until = None if mark.until_s is None else time_text(mark.until_s)
    fields = {"mark": mark.kind, "who": mark.who, "time": time_text(mark.at_s), "note": mark.note}
    return fields if until is None else {**fields, "sensor": mark.sensor, "until": until}


def _said(mark: Mark) -> str:
    what = mark.kind.replace("_", " ")
    if mark.until_s is not None:
        what = f"ignore {mark.sensor} until {time_text(mark.until_s)}"
    who = f" ({mark.who})" if mark.who else ""
    return f"{what}{who}{f': {mark.note}' if mark.note else ''}"


def _short(value: float) -> float | None:
    return None if value != value else float(f"{value:.6g}")  # noqa: PLR0124 - NaN
