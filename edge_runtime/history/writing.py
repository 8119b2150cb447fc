"""The one writer of a history: collects work, commits it together, and outlives a disk that is full or damaged."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, cast

from edge_runtime.common.lock import FileLock
from edge_runtime.common.notices import Notices
from edge_runtime.errors import SaeliteError
from edge_runtime.history.database import is_passing, log_bytes, open_writer, prepare, set_aside
from edge_runtime.history.keep import Keep
from edge_runtime.history.lived_time import Clocks, LivedTime
from edge_runtime.history.marking import insert
from edge_runtime.history.records import Alarm, Mark
from edge_runtime.history.retention import Retention

_MOST_WORK, _MUCH_WORK = 2000, 1000
_RETRY_S = 5.0
COMMIT_S = 10.0


class Work(NamedTuple):
    """Something to write.

    Parameters
    ----------
    run : callable
        Called within a transaction with the writer; once more, in a new one, if that fails and it is `lasting`.
    lasting : bool
        Whether it waits for a disk that cannot be written; otherwise it is given up.
    size : int
        Bytes that it holds, about.
    """

    run: Callable[[Writer], None]
    lasting: bool = False
    size: int = 0


class Writer:
    """Writes to one history, from any thread.

    Parameters
    ----------
    path : Path or None
        None keeps it in memory.
    keep : Keep
    tell : callable
        Called with one line when the disk cannot be written, and when it can again.
    clocks : Clocks

    Raises
    ------
    HistoryError
        If the file is not a history, or a newer one.
    OutputError
        If it cannot be written, or another process records into it.

    Attributes
    ----------
    lock : RLock
        Held while something is written.
    generation : int
        How many files were opened: a damaged or removed one is followed by another.
    """

    def __init__(self, path: Path | None, keep: Keep, tell: Callable[[str], None], clocks: Clocks) -> None:
        self.path, self.keep, self.clocks = path, keep, clocks
        self.lock = threading.RLock()
        self.generation = 0
        self._notices = Notices(tell)
        self._queue: deque[Work] = deque()
        self._queue_lock = threading.Lock()
        self._next_s = 0.0
        self._stopped = self._is_closed = False
        self._connection: sqlite3.Connection | None = None
        self._file_lock = None if path is None else FileLock(path)
        try:
            self._open()
        except BaseException as error:
            if is_passing(error):
                self._wait_for_disk([], error)
                return
            if self._file_lock is not None:
                self._file_lock.release()
            raise

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection; opened again if the disk could not be written before."""
        if self._is_closed:
            raise sqlite3.ProgrammingError("it is closed")
        if self._connection is None:
            self._open()
        return cast(sqlite3.Connection, self._connection)

    @property
    def lived_s(self) -> float:
        """The history's age, see `LivedTime`; within a transaction."""
        return self._lived.now_s()

    def stream(self, machine: str, sensors: tuple[str, ...]) -> int:
        """Return the number of a machine with these sensors; within a transaction."""
        names = json.dumps(sensors, ensure_ascii=False)
        place = (machine, names)
        if place not in self._streams:
            self.connection.execute("INSERT OR IGNORE INTO stream (machine, sensors) VALUES (?, ?)", place)
            found = self.connection.execute("SELECT id FROM stream WHERE machine = ? AND sensors = ?", place).fetchone()
            self._streams[place] = int(found[0])
        return self._streams[place]

    def add(self, *works: Work) -> None:
        """Take work for the next commit."""
        with self._queue_lock:
            self._queue.extend(works)
            while len(self._queue) > _MOST_WORK:
                self._queue.remove(next((work for work in self._queue if not work.lasting), self._queue[0]))

    def commit_if_due(self) -> None:
        """Commit what was taken, unless it is little and the last commit was a moment ago."""
        with self._queue_lock:
            much = len(self._queue) >= _MUCH_WORK or sum(work.size for work in self._queue) >= log_bytes(self.keep) // 4
        if much or self.is_due:
            self.commit()

    @property
    def is_due(self) -> bool:
        """Whether the last commit was long enough ago."""
        return self.clocks.steady_s() >= self._next_s

    def commit(self, *, again: bool = True) -> bool:
        """Commit what was taken; return whether it is on the disk. It waits for one that cannot be written, in part.

        Parameters
        ----------
        again : bool
            Whether to do so in a new file if this one is damaged.
        """
        with self.lock:
            with self._queue_lock:
                works, self._queue = list(self._queue), deque()
            self._next_s = self.clocks.steady_s() + COMMIT_S
            try:
                self._reopen_if_gone()
                self._transact(works)
            except sqlite3.OperationalError as error:
                self._wait_for_disk(works, error)
            except sqlite3.DatabaseError as error:
                self._put_back(works)
                self._begin_anew(error)
                return again and self.commit(again=False)
            except (SaeliteError, OSError) as error:
                self._wait_for_disk(works, error)
            else:
                self._recovered()
                self._tidy()
                return True
            return False

    def write_mark(self, alarm: Alarm, mark: Mark) -> None:
        """Write a mark at once.

        Raises
        ------
        sqlite3.Error
            If that fails.
        """
        with self.lock:
            insert(self.connection, alarm, mark)

    def close(self) -> None:
        """Commit, and release the file."""
        self.commit()
        with self.lock:
            self._is_closed = True
            self._close_connection()
            if self._file_lock is not None:
                self._file_lock.release()

    def _transact(self, works: list[Work]) -> None:
        connection = self.connection
        if self._is_held():
            works = [work for work in works if work.lasting]
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._retention.look(connection, self.lived_s)
            for work in works:
                work.run(self)
            self._lived.save(connection)
            connection.execute("COMMIT")
        except BaseException:
            self._streams.clear()
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _tidy(self) -> None:
        # What cannot be done now is done after the next commit: this one is on the disk, and must not be repeated.
        with suppress(sqlite3.Error):
            self._retention.give_back(self.connection)
            if self._log_bytes() > log_bytes(self.keep) // 2:
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _is_held(self) -> bool:
        """Return whether the log has grown to its bound, as while another program reads in one long transaction."""
        if self._log_bytes() <= log_bytes(self.keep):
            return False
        self._notices.once("held", f"another program holds the history {self.path} open: only alarms are written")
        return True

    def _log_bytes(self) -> int:
        try:
            return 0 if self.path is None else self.path.with_name(f"{self.path.name}-wal").stat().st_size
        except OSError:
            return 0

    def _put_back(self, works: list[Work]) -> None:
        with self._queue_lock:
            self._queue.extendleft(reversed([work for work in works if work.lasting]))

    def _wait_for_disk(self, works: list[Work], error: BaseException) -> None:
        self._put_back(works)
        self._next_s = self.clocks.steady_s() + _RETRY_S
        self._stopped = True
        self._notices.once(
            "stopped", f"the history {self.path} cannot be written ({error}). The detector continues; so does the "
            "history as soon as it can be written again",
        )  # fmt: skip

    def _recovered(self) -> None:
        if self._stopped:
            self._stopped = False
            self._notices.once("recovered", f"the history {self.path} is written again (further times are not told)")

    def _reopen_if_gone(self) -> None:
        """Begin a new file where somebody has removed or replaced it."""
        if self.path is not None and self._connection is not None and self._place() != self._opened:
            self._close_connection()

    def _begin_anew(self, error: sqlite3.DatabaseError) -> None:
        self._close_connection()
        with suppress(SaeliteError, sqlite3.Error):
            self._set_aside(error)
            self._open()

    def _open(self) -> None:
        try:
            self._connect()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            # A device must start: what was remembered matters less than what is to come.
            self._set_aside(error)
            self._connect()

    def _connect(self) -> None:
        if self.path is not None:
            prepare(self.path)
        connection = open_writer(self.path, self.keep)
        self._lived, self._retention = LivedTime(connection, self.clocks), Retention(self.keep)
        self._retention.limit(connection)
        self._streams: dict[tuple[str, str], int] = {}
        self._connection, self._opened = connection, self._place()
        self.generation += 1

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        if self.path is not None:
            aside = set_aside(self.path)
            self._notices.once(
                "damaged", f"the history {self.path} is damaged ({error}): set aside as {aside.name}, a new one begins"
            )

    def _close_connection(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _place(self) -> tuple[int, int] | None:
        if self.path is None:
            return None
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_dev
