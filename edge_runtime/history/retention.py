"""What gives way when a history grows too old or too large: the oldest of what takes more than its share."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from edge_runtime.history.database import log_bytes
from edge_runtime.history.keep import DAY_S, Keep
from edge_runtime.history.schema import PAGE_BYTES, bucket_table

_SHARES = {
    bucket_table(1): 0.12,
    bucket_table(60): 0.41,
    bucket_table(600): 0.10,
    bucket_table(3600): 0.08,
    "around": 0.12,
    "excerpt": 0.12,
    "alarm": 0.03,
    "mark": 0.01,
    "model": 0.01,
}
"""Shares of the space. At 1 Hz, 30 days of 8 sensors need less; of 200 sensors, minutes last two to three weeks."""
_LONGEST_S = {bucket_table(1): DAY_S}
_ROOMY, _SPREAD = 0.96, 0.8
_PART = 0.04
_MOST_ROUNDS = 300
_ROW_BYTES = 90
_FREE_SHARE = 0.2
_CHECK_S = 60.0
# Alarms that somebody spoke of go last.
_UNMARKED = """DELETE FROM alarm WHERE id IN
    (SELECT id FROM alarm WHERE id NOT IN (SELECT alarm FROM mark) ORDER BY id LIMIT ?)"""


def excerpt_bytes(keep: Keep) -> float:
    """Return how much space all excerpts have together: less than their share, so that none goes for being old."""
    return _SPREAD * _SHARES["excerpt"] * (space_bytes(keep) - log_bytes(keep))


def space_bytes(keep: Keep) -> int:
    """Return how large the file itself may be, without its log."""
    return keep.max_bytes - log_bytes(keep)


@dataclass
class Retention:
    """Keeps a history within its bounds.

    Parameters
    ----------
    keep : Keep
    """

    keep: Keep
    _checked_s: float = float("-inf")

    def limit(self, connection: sqlite3.Connection) -> None:
        """Never let the file grow beyond its bound, whatever happens."""
        pages = space_bytes(self.keep) // PAGE_BYTES
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    def look(self, connection: sqlite3.Connection, lived_s: float) -> None:
        """Delete what is too old or too much; within a transaction."""
        if lived_s - self._checked_s >= _CHECK_S:
            self._checked_s = lived_s
            self._forget(connection, lived_s)
        if used_bytes(connection) > self._most:
            self._shrink(connection, _ROOMY * self._most)

    @property
    def _most(self) -> int:
        # What one commit adds, which is at most a log, always has room.
        return space_bytes(self.keep) - log_bytes(self.keep)

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Return free pages to the disk if there are many, or the file is too large; outside a transaction.

        A few stay: they are used again, and moving others into their place wears an SD card. So many are moved at once
        as the log has room for.
        """
        pages, free = _pragma(connection, "page_count"), _pragma(connection, "freelist_count")
        over = pages - self._most // PAGE_BYTES
        count = min(max(over, free - int(_FREE_SHARE * pages)), free, log_bytes(self.keep) // 2 // PAGE_BYTES)
        if count > 0:
            # It frees one page a step, and `execute` takes but one.
            connection.executescript(f"PRAGMA incremental_vacuum({count})")

    def _forget(self, connection: sqlite3.Connection, lived_s: float) -> None:
        for table in _SHARES:
            oldest_s = lived_s - min(self.keep.span_s, _LONGEST_S.get(table, self.keep.span_s))
            # Rows are as old as their place says: the first one that is young enough ends the search.
            young = f"SELECT id FROM {table} WHERE lived_s >= ? ORDER BY id LIMIT 1"  # noqa: S608
            row = connection.execute(young, (oldest_s,)).fetchone()
            if row is None:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608
            else:
                connection.execute(f"DELETE FROM {table} WHERE id < ?", row)  # noqa: S608

    def _shrink(self, connection: sqlite3.Connection, most: float) -> None:
        sizes = {table: _table_bytes(connection, table) for table in _SHARES}
        for _ in range(_MOST_ROUNDS):
            if used_bytes(connection) <= most:
                return
            table = max(_SHARES, key=lambda name: sizes[name] / _SHARES[name])
            if not sizes[table]:
                return
            _drop_oldest(connection, table)
            sizes[table] = _table_bytes(connection, table)


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return the size of the pages in use."""
    return (_pragma(connection, "page_count") - _pragma(connection, "freelist_count")) * PAGE_BYTES


def _table_bytes(connection: sqlite3.Connection, table: str) -> int:
    """Estimate a table's size, from the last row where rows are alike."""
    if table.startswith("bucket"):
        first, last = connection.execute(f"SELECT MIN(id), MAX(id) FROM {table}").fetchone()  # noqa: S608
        if first is None:
            return 0
        width = connection.execute(f"SELECT LENGTH(sensors) FROM {table} WHERE id = ?", (last,)).fetchone()[0]  # noqa: S608
        return int((last - first + 1) * (width + _ROW_BYTES))
    blobs = {"around": "LENGTH(rows)", "excerpt": "LENGTH(rows)", "alarm": "LENGTH(blamed)", "mark": "LENGTH(note)"}
    row = connection.execute(f"SELECT SUM({blobs.get(table, '0')} + ?) FROM {table}", (2 * _ROW_BYTES,)).fetchone()  # noqa: S608
    return int(row[0] or 0)


def _drop_oldest(connection: sqlite3.Connection, table: str) -> None:
    first, last = connection.execute(f"SELECT MIN(id), MAX(id) FROM {table}").fetchone()  # noqa: S608
    count = max(1, int(_PART * (last - first + 1)))
    if table == "alarm" and connection.execute(_UNMARKED, (count,)).rowcount:
        return
    connection.execute(f"DELETE FROM {table} WHERE id < ?", (first + count,))  # noqa: S608


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
