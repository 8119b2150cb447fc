"""A history: one SQLite database that one process records into and any number of processes read and mark."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from edge_runtime.errors import HistoryError
from edge_runtime.history import queries
from edge_runtime.history.database import connect, version_of
from edge_runtime.history.keep import DAY_S, Keep
from edge_runtime.history.lived_time import Clocks
from edge_runtime.history.marking import checked, insert_mark
from edge_runtime.history.records import Alarm, Excerpt, Mark, ModelChange
from edge_runtime.history.schema import VERSION
from edge_runtime.history.trend import SensorTrend, Trend
from edge_runtime.history.writing import Writer

T = TypeVar("T")
_NUMBERS = 1 << 63
IN_MEMORY = Keep(DAY_S, 20_000_000)


class History:
    """Trends, alarms, marks and excerpts of one or more machines.

    `open` makes or resumes one to record into, `read` opens one that another process may record into. Both may be
    used from any thread, and both mark.

    Parameters
    ----------
    path : Path or None
    writer : Writer or None
        None where another process records.

    Examples
    --------
    >>> history = History.open(None)
    >>> history.machines(), history.alarms()
    ((), ())
    """

    def __init__(self, path: Path | None, writer: Writer | None) -> None:
        self.path, self._writer = path, writer
        self._reader: sqlite3.Connection | None = None
        self._generation = 0
        self._lock = threading.RLock() if path is not None or writer is None else writer.lock
        self._marked = 0

    @classmethod
    def open(
        cls,
        path: Path | None,
        keep: Keep | None = None,
        tell: Callable[[str], None] = lambda _: None,
        clocks: Clocks = Clocks(),  # noqa: B008 - never changes
    ) -> History:
        """Open a history to record into; make one where there is none.

        Parameters
        ----------
        path : Path or None
            None keeps a small one in memory.
        keep : Keep, optional
        tell : callable
            Called with one line when the disk cannot be written, when it can again, and when a damaged history was set
            aside. Then, and only then, recording stops; nothing is raised.
        clocks : Clocks

        Raises
        ------
        HistoryError
            If the file is not a history, or a newer one; it is not touched.
        OutputError
            If its folder does not exist, or another process records into it.
        """
        keep = keep or (IN_MEMORY if path is None else Keep())
        return cls(path, Writer(path, keep, tell, clocks))

    @classmethod
    def read(cls, path: Path) -> History:
        """Open a history that exists, to read and mark it while another process may record into it.

        Raises
        ------
        HistoryError
            If there is none, or it is not a history of this version.
        """
        try:
            version = version_of(path)
        except sqlite3.DatabaseError as error:
            raise HistoryError(f"the history {path} is damaged ({error}).") from error
        if version is None:
            raise HistoryError(f"no history at {path}. Record one with: saelite run MODEL --history {path}")
        if version < VERSION:
            raise HistoryError(
                f"{path} has schema version {version}, this saelite reads version {VERSION}. `saelite run --history` "
                "brings it up to date."
            )
        return cls(path, None)

    @property
    def writer(self) -> Writer:
        """What records.

        Raises
        ------
        HistoryError
            If this process does not record.
        """
        if self._writer is None:
            raise HistoryError(f"{self.path} was opened to be read, not to record into.")
        return self._writer

    def machines(self) -> tuple[str, ...]:
        """Return the names of the machines, in the order in which they came."""
        return self._ask(queries.machines)

    def sensors(self, machine: str) -> tuple[str, ...]:
        """Return a machine's sensors, as of its last model; none for an unknown machine."""
        return self._ask(lambda connection: (*queries.layouts(connection, machine).values(), ())[-2:][0])

    def alarms(
        self,
        machine: str | None = None,
        since_s: float | None = None,
        until_s: float | None = None,
        limit: int = 1000,
    ) -> tuple[Alarm, ...]:
        """Return alarms, the newest first.

        Parameters
        ----------
        machine : str, optional
            By default those of all.
        since_s, until_s : float, optional
            Only alarms that lasted at some time between, by the readings' clock or the computer's.
        limit : int
        """
        return self._ask(lambda connection: queries.alarms(connection, machine, since_s, until_s, limit))

    def alarm(self, number: int) -> Alarm:
        """Return one alarm.

        Raises
        ------
        HistoryError
            If there is none of this number.
        """
        found = None
        if 0 < number < _NUMBERS:
            found = self._ask(lambda connection: queries.alarm(connection, number))
        if found is None:
            raise HistoryError(self._no_alarm(number))
        return found

    def last_alarm(self, machine: str | None = None) -> Alarm:
        """Return the newest alarm, of one machine or of all.

        Raises
        ------
        HistoryError
            If there is none.
        """
        found = self.alarms(machine, limit=1)
        if not found:
            raise HistoryError(f"no alarm{f' of {machine}' if machine else ''} in {self.path} yet.")
        return found[0]

    def last_mark(self, machine: str) -> tuple[int, Mark] | None:
        """Return what was said last of an alarm of a machine, and the alarm's number."""
        return self._ask(lambda connection: queries.last_mark(connection, machine))

    def span(self, machine: str) -> tuple[float, float]:
        """Return from when until when there are trends, by the readings' clock; two times 0 if there are none."""
        return self._ask(lambda connection: queries.span(connection, machine))

    def trend(self, machine: str, since_s: float, until_s: float, points: int) -> Trend:
        """Return how a machine's score went, by the readings' clock, in about so many points (see `Trend`)."""
        return self._ask(lambda connection: queries.trend(connection, machine, since_s, until_s, points))

    def sensor_trend(self, machine: str, sensor: str, since_s: float, until_s: float, points: int) -> SensorTrend:
        """Return how a sensor went, likewise."""
        return self._ask(lambda connection: queries.sensor_trend(connection, machine, sensor, since_s, until_s, points))

    def around(self, alarm: int) -> tuple[Excerpt, ...]:
        """Return the raw readings around an alarm: some minutes before it, its beginning, its end."""
        return self._ask(lambda connection: queries.around(connection, alarm))

    def excerpts(self, machine: str, since_s: float | None = None) -> Iterator[Excerpt]:
        """Yield stretches of raw readings in the order of their times, none twice.

        They are spread over the whole time kept, and those around alarms are among them. One is read at a time.
        """
        covered_s = float("-inf")
        for table, number in self._ask(lambda connection: queries.excerpt_places(connection, machine, since_s)):
            found = self._ask(
                lambda connection, table=table, number=number: queries.excerpt(connection, table, number)  # type: ignore[misc]
            )
            if found is None:
                continue
            found = found.after(covered_s)
            if len(found.values):
                covered_s = found.end_s
                yield found

    def models(self, machine: str) -> tuple[ModelChange, ...]:
        """Return the models that a machine was watched with, the newest first."""
        return self._ask(lambda connection: queries.models(connection, machine))

    def mark(self, alarm: int, mark: Mark) -> Mark:
        """Keep what somebody said of an alarm, at once; return it with its sensor and its end filled in.

        Raises
        ------
        HistoryError
            If there is no such alarm, or it cannot be written.
        UsageError
            If the sensor is not one of the machine's, or there is none to ignore.
        """
        found = self.alarm(alarm)
        mark = checked(mark, found, self.sensors(found.machine))
        try:
            if self._writer is None:
                insert_mark(self.path, found, mark)
            else:
                self._writer.write_mark(found, mark)
        except sqlite3.Error as error:
            raise HistoryError(f"cannot write to the history {self.path} ({error}). Try again later.") from error
        self._marked += 1
        return mark

    def ignored(self, machine: str, now_s: float) -> frozenset[str]:
        """Return the sensors that somebody said to ignore now, by the computer's clock."""
        spans = self.ignored_spans(machine)
        return frozenset(sensor for sensor, (from_s, until_s) in spans.items() if from_s <= now_s < until_s)

    def ignored_spans(self, machine: str) -> dict[str, tuple[float, float]]:
        """Return from when until when sensors are ignored, seconds since the epoch by the computer's clock.

        A span begins an hour before it was said, so that a clock that is corrected ends none; further back it does,
        so that a clock that is set back silences nothing.
        """
        return self._ask(lambda connection: queries.ignored(connection, machine))

    def marks_version(self) -> tuple[int, int]:
        """Return a value that changes when somebody marks an alarm, in whichever process; cheap."""
        version = self._ask(lambda connection: int(connection.execute("PRAGMA data_version").fetchone()[0]))
        return version, self._marked

    def close(self) -> None:
        """Write what waits, and close."""
        if self._writer is not None:
            self._writer.close()
        with self._lock:
            self._close_reader()

    def _close_reader(self) -> None:
        if self._reader is not None:
            with suppress(sqlite3.Error):
                self._reader.close()
        self._reader = None

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                return question(self._connection())
            except sqlite3.Error as error:
                self._close_reader()
                raise HistoryError(f"cannot read the history {self.path} ({error}).") from error

    def _connection(self) -> sqlite3.Connection:
        if self.path is None:
            return self.writer.connection
        if self._writer is not None and self._generation != self._writer.generation:
            self._close_reader()
            self._generation = self._writer.generation
        if self._reader is None:
            self._reader = connect(self.path)
            self._reader.execute("PRAGMA query_only = ON")
        return self._reader

    def _no_alarm(self, number: int) -> str:
        last = self.alarms(limit=1)
        return (
            f"no alarm {number} in {self.path}. "
            f"{f'Expected at most {last[0].id}, the last one' if last else 'It has no alarms yet'}. "
            f"List them with: saelite history {self.path}"
        )
