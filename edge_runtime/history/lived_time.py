"""The age of a history in seconds of recording: what its rows grow old by."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clocks:
    """The two clocks of a computer.

    Parameters
    ----------
    wall_s : callable
        Seconds since the epoch; may be set.
    steady_s : callable
        Seconds that only go forward.
    """

    wall_s: Callable[[], float] = time.time
    steady_s: Callable[[], float] = time.monotonic


class LivedTime:
    """Goes on with the computer's monotonic clock while a process records, and stands still between two.

    No clock that is set, the computer's or the readings', can therefore make rows old, and a machine that was off
    for months keeps what it knew.

    Parameters
    ----------
    connection : sqlite3.Connection
    clocks : Clocks
    """

    def __init__(self, connection: sqlite3.Connection, clocks: Clocks) -> None:
        self._steady_s = clocks.steady_s
        self._offset_s = float(connection.execute("SELECT lived_s FROM lived").fetchone()[0]) - clocks.steady_s()

    def now_s(self) -> float:
        """Return the age now."""
        return self._offset_s + self._steady_s()

    def save(self, connection: sqlite3.Connection) -> None:
        """Write it down for the next process."""
        connection.execute("UPDATE lived SET lived_s = ?", (self.now_s(),))
