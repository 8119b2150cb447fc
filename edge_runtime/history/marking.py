"""Marks on their way into a history."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from edge_runtime.errors import UsageError
from edge_runtime.history.database import connect
from edge_runtime.history.keep import DAY_S
from edge_runtime.history.records import IGNORE, Alarm, Mark

LONGEST_IGNORED_S = 366 * DAY_S
_INSERT = """INSERT INTO mark (alarm, machine, lived_s, kind, who, at_s, note, until_s, sensor)
    VALUES (?, ?, (SELECT lived_s FROM lived), ?, ?, ?, ?, ?, ?)"""


def checked(mark: Mark, alarm: Alarm, sensors: tuple[str, ...]) -> Mark:
    """Return a mark with all that it leaves to its alarm.

    Raises
    ------
    UsageError
        If the sensor is not one of the machine's, there is none to ignore, or it would be ignored for over a year.
    """
    if mark.kind != IGNORE:
        return replace(mark, sensor="", until_s=None)
    sensor = mark.sensor or next((one.sensor for one in alarm.blamed), "")
    if not sensor:
        raise UsageError(f"alarm {alarm.id} blames no sensor. Say which one to ignore: {', '.join(sensors)}.")
    if sensor not in sensors:
        raise UsageError(f"no sensor {sensor!r:.80}. Expected one of: {', '.join(sensors)}.")
    until_s = mark.at_s + DAY_S if mark.until_s is None else mark.until_s
    if until_s - mark.at_s > LONGEST_IGNORED_S:
        raise UsageError("a sensor is ignored for at most 366 days. Retrain without it instead.")
    return replace(mark, sensor=sensor, until_s=until_s)


def insert(connection: sqlite3.Connection, alarm: Alarm, mark: Mark) -> None:
    """Write a mark."""
    values = (alarm.id, alarm.machine, mark.kind, mark.who, mark.at_s, mark.note, mark.until_s, mark.sensor)
    connection.execute(_INSERT, values)


def insert_mark(path: Path | None, alarm: Alarm, mark: Mark) -> None:
    """Write a mark into a history that another process may record into."""
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        insert(connection, alarm, mark)
