"""The tables of a history, and how older ones become the present ones."""

from __future__ import annotations

import sqlite3

from edge_runtime.history.buckets import STEPS

APPLICATION_ID = 0x5341_6C68
"""What tells a history from other SQLite databases, in its header: "SAlh"."""
VERSION = 1
PAGE_BYTES = 8192
"""Three rows of 200 sensors' values fit a page."""


def bucket_table(step: int) -> str:
    """Return the name of the table that holds the buckets of so many seconds.

    >>> bucket_table(60)
    'bucket_60'
    """
    return f"bucket_{step}"


# `lived_s` is the history's own age, see `edge_runtime.history.lived_time`. Rows are deleted from the front of a table,
# so that the first and the last id tell how many there are.
_BUCKETS = """
CREATE TABLE {table} (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, start_s REAL NOT NULL, lived_s REAL NOT NULL,
    count INTEGER NOT NULL, alarms INTEGER NOT NULL, lowest REAL NOT NULL, mean REAL NOT NULL, highest REAL NOT NULL,
    threshold REAL NOT NULL, sensors BLOB NOT NULL);
CREATE INDEX {table}_place ON {table} (stream, start_s);
"""
_TABLES = """
CREATE TABLE lived (id INTEGER PRIMARY KEY CHECK (id = 1), lived_s REAL NOT NULL);
INSERT INTO lived VALUES (1, 0);
CREATE TABLE stream (id INTEGER PRIMARY KEY, machine TEXT NOT NULL, sensors TEXT NOT NULL, UNIQUE (machine, sensors));
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, lived_s REAL NOT NULL, started_s REAL NOT NULL,
    noted_s REAL NOT NULL, seen_s REAL NOT NULL, ended_s REAL, peak REAL NOT NULL, threshold REAL NOT NULL,
    blamed TEXT NOT NULL);
CREATE INDEX alarm_place ON alarm (stream, id);
CREATE TABLE mark (
    id INTEGER PRIMARY KEY, alarm INTEGER NOT NULL, machine TEXT NOT NULL, lived_s REAL NOT NULL, kind TEXT NOT NULL,
    who TEXT NOT NULL, at_s REAL NOT NULL, note TEXT NOT NULL, until_s REAL, sensor TEXT NOT NULL);
CREATE INDEX mark_place ON mark (alarm);
CREATE TABLE model (
    id INTEGER PRIMARY KEY, machine TEXT NOT NULL, lived_s REAL NOT NULL, at_s REAL NOT NULL, sha256 TEXT NOT NULL,
    name TEXT NOT NULL, version INTEGER NOT NULL, parent TEXT NOT NULL);
CREATE TABLE excerpt (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, lived_s REAL NOT NULL, time_s REAL NOT NULL, step_s REAL NOT NULL,
    rows BLOB NOT NULL, alarms BLOB NOT NULL);
CREATE INDEX excerpt_place ON excerpt (stream, lived_s);
CREATE TABLE around (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, lived_s REAL NOT NULL, time_s REAL NOT NULL, step_s REAL NOT NULL,
    rows BLOB NOT NULL, alarms BLOB NOT NULL, alarm INTEGER NOT NULL);
CREATE INDEX around_place ON around (alarm);
"""
_MIGRATIONS: dict[int, str] = {}
"""Script that turns each older version into the next one."""


def create(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty database, all at once or not at all."""
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    buckets = "".join(_BUCKETS.format(table=bucket_table(step)) for step in STEPS)
    connection.executescript(
        f"BEGIN; {_TABLES} {buckets} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
    )


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring an older history to the present version, each step all at once or not at all."""
    for older in range(version, VERSION):
        connection.executescript(f"BEGIN; {_MIGRATIONS[older]} PRAGMA user_version = {older + 1}; COMMIT;")
