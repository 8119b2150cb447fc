"""What is asked of a history: alarms and what was said of them, trends, excerpts."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.history.buckets import STEPS
from edge_runtime.history.records import Alarm, Excerpt, Mark, ModelChange
from edge_runtime.history.schema import bucket_table
from edge_runtime.history.trend import Points, SensorTrend, Trend, binned, joined_points, no_points
from edge_runtime.model_file.json_codec import DecodeError, from_json
from edge_runtime.streaming.blame import Blamed

_WHOLE = 0.9
_FUTURE_S = 3600.0
"""A mark may come from a clock that is ahead by so much."""
_ALARM = "SELECT alarm.id, machine, started_s, noted_s, ended_s, peak, threshold, blamed"
_MARK = "SELECT kind, who, at_s, note, until_s, sensor FROM mark"


def machines(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return the names of the machines, in the order in which they came."""
    rows = connection.execute("SELECT machine FROM stream GROUP BY machine ORDER BY MIN(id)").fetchall()
    return tuple(name for (name,) in rows)


def layouts(connection: sqlite3.Connection, machine: str) -> dict[int, tuple[str, ...]]:
    """Return the sensors of each of a machine's streams."""
    rows = connection.execute("SELECT id, sensors FROM stream WHERE machine = ? ORDER BY id", (machine,)).fetchall()
    return {number: tuple(json.loads(names)) for number, names in rows}


def alarms(
    connection: sqlite3.Connection,
    machine: str | None,
    since_s: float | None,
    until_s: float | None,
    limit: int,
) -> tuple[Alarm, ...]:
    """Return alarms, the newest first."""
    # An alarm is found by either clock: none is hidden by one that was wrong.
    rows = connection.execute(
        f"""{_ALARM} FROM alarm JOIN stream ON stream.id = stream
        WHERE (?1 IS NULL OR machine = ?1) AND MAX(started_s, noted_s, IFNULL(ended_s, seen_s)) >= ?2
        AND MIN(started_s, noted_s) <= ?3 ORDER BY alarm.id DESC LIMIT ?4""",
        (machine, -math.inf if since_s is None else since_s, math.inf if until_s is None else until_s, limit),
    ).fetchall()
    return tuple(_alarm(connection, row) for row in rows)


def alarm(connection: sqlite3.Connection, number: int) -> Alarm | None:
    """Return one alarm."""
    query = f"{_ALARM} FROM alarm JOIN stream ON stream.id = stream WHERE alarm.id = ?"
    row = connection.execute(query, (number,)).fetchone()
    return None if row is None else _alarm(connection, row)


def ignored(connection: sqlite3.Connection, machine: str) -> dict[str, tuple[float, float]]:
    """Return from when until when each sensor is ignored that somebody ever said so of; the last word counts."""
    rows = connection.execute(
        "SELECT sensor, at_s, until_s FROM mark WHERE kind = 'ignore' AND machine = ? ORDER BY id", (machine,)
    ).fetchall()
    return {sensor: (at_s - _FUTURE_S, until_s) for sensor, at_s, until_s in rows}


def last_mark(connection: sqlite3.Connection, machine: str) -> tuple[int, Mark] | None:
    """Return the last mark of a machine, and the number of its alarm."""
    row = connection.execute(
        "SELECT alarm, kind, who, at_s, note, until_s, sensor FROM mark WHERE machine = ? ORDER BY id DESC LIMIT 1",
        (machine,),
    ).fetchone()
    return None if row is None else (row[0], Mark(*row[1:]))


def models(connection: sqlite3.Connection, machine: str) -> tuple[ModelChange, ...]:
    """Return the models that were in use, the newest first."""
    rows = connection.execute(
        "SELECT at_s, sha256, name, version, parent FROM model WHERE machine = ? ORDER BY id DESC", (machine,)
    ).fetchall()
    return tuple(ModelChange(*row) for row in rows)


def trend(connection: sqlite3.Connection, machine: str, since_s: float, until_s: float, points: int) -> Trend:
    """Return how the score went."""
    width_s = _width_s(since_s, until_s, points)
    columns = ("lowest", "highest", "mean", "threshold", "CAST(alarms AS REAL) / count")
    found = binned(
        _points(connection, dict.fromkeys(layouts(connection, machine), columns), (since_s, until_s), width_s), width_s
    )
    mean, threshold, alarm_share = found.means.T
    return Trend(found.starts, found.lowest, mean, found.highest, threshold, alarm_share, found.counts)


def sensor_trend(  # noqa: PLR0913 - what, whose and when
    connection: sqlite3.Connection, machine: str, sensor: str, since_s: float, until_s: float, points: int
) -> SensorTrend:
    """Return how a sensor went."""
    width_s = _width_s(since_s, until_s, points)
    columns = {
        number: _sensor_columns(names.index(sensor), len(names))
        for number, names in layouts(connection, machine).items()
        if sensor in names
    }
    found = binned(_points(connection, columns, (since_s, until_s), width_s), width_s)
    return SensorTrend(found.starts, found.lowest, found.means[:, 0], found.highest)


def span(connection: sqlite3.Connection, machine: str) -> tuple[float, float]:
    """Return the start of the first hour and the end of the last one."""
    step = STEPS[-1]
    first_s, last_s = connection.execute(
        f"SELECT MIN(start_s), MAX(start_s) FROM {bucket_table(step)} JOIN stream ON stream.id = stream "  # noqa: S608
        "WHERE machine = ?",
        (machine,),
    ).fetchone()
    return (0.0, 0.0) if first_s is None else (first_s, last_s + step)


def excerpt_places(connection: sqlite3.Connection, machine: str, since_s: float | None) -> list[tuple[str, int]]:
    """Return table and number of each of a machine's excerpts, in the order of their times."""
    parts = " UNION ALL ".join(
        f"SELECT '{table}' AS place, {table}.id AS id, time_s FROM {table} JOIN stream ON stream.id = stream "  # noqa: S608
        f"WHERE machine = ?1 AND time_s + step_s * LENGTH(alarms) >= ?2"
        for table in ("excerpt", "around")
    )
    rows = connection.execute(f"{parts} ORDER BY time_s", (machine, -math.inf if since_s is None else since_s))
    return [(table, number) for table, number, _ in rows.fetchall()]


def excerpt(connection: sqlite3.Connection, table: str, number: int) -> Excerpt | None:
    """Return one excerpt; None if it was deleted meanwhile."""
    row = connection.execute(
        f"SELECT time_s, step_s, rows, alarms, sensors FROM {table} JOIN stream ON stream.id = stream "  # noqa: S608
        f"WHERE {table}.id = ?",
        (number,),
    ).fetchone()
    return None if row is None else _excerpt(row)


def around(connection: sqlite3.Connection, number: int) -> tuple[Excerpt, ...]:
    """Return the readings around an alarm, in the order in which they came."""
    rows = connection.execute(
        "SELECT time_s, step_s, rows, alarms, sensors FROM around JOIN stream ON stream.id = stream "
        "WHERE alarm = ? ORDER BY around.id",
        (number,),
    ).fetchall()
    return tuple(map(_excerpt, rows))


def _excerpt(row: tuple[float, float, bytes, bytes, str]) -> Excerpt:
    time_s, step_s, rows, in_alarm, sensors = row
    names = tuple(json.loads(sensors))
    values = np.frombuffer(rows, np.float32).reshape(-1, len(names))
    return Excerpt(time_s, step_s, values, np.frombuffer(in_alarm, np.bool_), names)


def _alarm(connection: sqlite3.Connection, row: tuple[Any, ...]) -> Alarm:
    marks = connection.execute(f"{_MARK} WHERE alarm = ? ORDER BY id", row[:1]).fetchall()
    return Alarm(*row[:-1], blamed=_blamed(row[-1]), marks=tuple(Mark(*mark) for mark in marks))  # type: ignore[misc] # seven others


def _blamed(text: str) -> tuple[Blamed, ...]:
    try:
        return from_json(tuple[Blamed, ...], json.loads(text))
    except (ValueError, DecodeError):
        return ()


def _width_s(since_s: float, until_s: float, points: int) -> float:
    return max((until_s - since_s) / max(1, points), float(STEPS[0]))


def _sensor_columns(sensor: int, sensors: int) -> tuple[str, ...]:
    """Return where the lowest, highest and mean value of one sensor is among those of all."""
    return tuple(f"SUBSTR(sensors, {4 * (sensor + part * sensors) + 1}, 4)" for part in (0, 2, 1))


def _points(
    connection: sqlite3.Connection, columns: dict[int, tuple[str, ...]], span: tuple[float, float], width_s: float
) -> Points:
    """Return buckets of a span: the longest that are not longer than `width_s`, and longer ones where they are gone."""
    wanted = max(step for step in STEPS if step <= width_s)
    found: list[Points] = []
    for number, names in columns.items():
        kept = no_points(len(names) - 2)
        for step in STEPS[STEPS.index(wanted) :]:
            kept = _filled(kept, _buckets(connection, step, number, names, span), step, span)
        found.append(kept)
    points = joined_points(found or [no_points(3)])
    return points.chosen(np.argsort(points.starts, kind="stable"))


def _filled(fine: Points, coarse: Points, step: int, span: tuple[float, float]) -> Points:
    """Return fine buckets, and coarse ones where many of the fine ones are gone or never were."""
    starts = np.concatenate([np.floor(fine.starts / step) * step, coarse.starts])
    starts, places = np.unique(starts, return_inverse=True)
    in_fine, in_coarse = places[: len(fine.starts)], places[len(fine.starts) :]
    counts = [
        np.bincount(place, points.counts, len(starts)) for place, points in ((in_fine, fine), (in_coarse, coarse))
    ]
    cut = (starts < span[0]) | (starts + step > span[1])
    whole = (counts[0] >= _WHOLE * counts[1]) | (cut & (counts[0] > 0))
    return joined_points([fine.chosen(whole[in_fine]), coarse.chosen(~whole[in_coarse])])


def _buckets(
    connection: sqlite3.Connection, step: int, stream: int, columns: tuple[str, ...], span: tuple[float, float]
) -> Points:
    table = bucket_table(step)
    rows = connection.execute(
        f"SELECT start_s, count, {', '.join(columns)} FROM {table} "  # noqa: S608
        "WHERE stream = ? AND start_s > ? AND start_s < ?",
        (stream, span[0] - step, span[1]),
    ).fetchall()
    starts, counts, lowest, highest, *means = zip(*rows, strict=True) if rows else [()] * (len(columns) + 2)
    return Points(
        np.array(starts, np.float64),
        np.full(len(rows), float(step)),
        np.array(counts, np.int64),
        _numbers(lowest),
        _numbers(highest),
        np.stack([_numbers(column) for column in means], axis=1),
    )


def _numbers(column: Sequence[float | bytes]) -> FloatArray:
    if column and isinstance(column[0], bytes):
        return np.frombuffer(b"".join(column), np.float32).astype(np.float64)  # type: ignore[arg-type] # all are alike
    return np.array(column, np.float64)
