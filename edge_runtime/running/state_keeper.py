"""Saves the state of a running stream periodically."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edge_runtime.common.atomic import remove_leftovers
from edge_runtime.common.checked_json import set_aside
from edge_runtime.common.lock import FileLock
from edge_runtime.errors import OutputError
from edge_runtime.running.every import Every
from edge_runtime.streaming.monitor import Monitor
from edge_runtime.streaming.state import StateError, StreamState, read_state, write_state
from edge_runtime.streaming.unwritten import Unwritten

_SAVE_S = 0.5
_PATIENCE_S = 3.0


class StateKeeper:
    """Keeps the state of a stream in a file that is never older than an interval, as long as the disk keeps up.

    A save begins before the previous state is too old, by half a second or half the interval, to allow for the time
    of saving. It runs in its own thread, because an SD card may need seconds for one sync: no reading waits for it.

    Parameters
    ----------
    path : Path
    interval_s : float
    monitor : Monitor
    unwritten : callable
        Returns the alarm events that sinks have not written yet; they are kept with the state.
    """

    def __init__(
        self,
        path: Path,
        interval_s: float,
        monitor: Monitor,
        unwritten: Callable[[], tuple[Unwritten, ...]] = tuple,
    ) -> None:
        self._path, self._monitor, self._unwritten = path, monitor, unwritten
        self._saved: tuple[Unwritten, ...] = ()
        self._has_ended = False
        self._every = Every(interval_s - min(_SAVE_S, interval_s / 2))
        self._lock: FileLock | None = None
        self._save: _Save | None = None

    @property
    def left_s(self) -> float:
        """Seconds until the next save."""
        return self._every.left_s

    def restore(self) -> tuple[Unwritten, ...]:
        """Resume from the state in the file, if there is one; an unusable one is set aside and reported.

        Returns
        -------
        tuple of Unwritten
            The alarm events that have to be announced again.

        Raises
        ------
        OutputError
            If the file cannot be written, or another process keeps its state there. This is checked at the
            start, not after an interval.
        """
        self._lock = FileLock(self._path)
        remove_leftovers(self._path)
        unwritten: tuple[Unwritten, ...] = ()
        try:
            state = read_state(self._path)
        except StateError as error:
            # A device must start: the remembered state matters less than future readings.
            self._monitor.notices.once("state", f"{error} It is not used{set_aside(self._path)}.")
        else:
            if state is not None:
                self._monitor.restore(state)
                unwritten = state.unwritten
        write_state(self._path, replace(self._monitor.state, unwritten=unwritten))
        return unwritten

    def look(self) -> None:
        """Save if it is due, unless the disk is still busy with the previous state."""
        if self._every.due() and (self._save is None or self._save.done):
            self._begin()

    def end(self, patience_s: float = _PATIENCE_S) -> None:
        """Save the state of a stream that has ended, waiting at most `patience_s` for the disk."""
        if self._lock is None:
            return
        self._has_ended = True
        if self._save is not None:
            self._save.wait(patience_s)
        if self._save is None or self._save.done:
            self._begin().wait(patience_s)
        self._report()

    def close(self, patience_s: float = _PATIENCE_S) -> None:
        """Release the file; saves before if that was not done, or if sinks have written events since."""
        if self._lock is None:
            return
        if not self._has_ended or self._unwritten() != self._saved:
            self.end(patience_s)
        self._lock.release()

    def _begin(self) -> _Save:
        self._report()
        self._saved = self._unwritten()
        self._save = _Save(self._path, replace(self._monitor.state, unwritten=self._saved))
        return self._save

    def _report(self) -> None:
        if self._save is None:
            return
        if not self._save.done:
            self._monitor.notices.once("state file", f"{self._path} takes too long to write. The stream continues.")
        elif self._save.error is not None:
            self._monitor.notices.once("state file", f"{self._save.error} The stream continues.")


class _Save:
    """One state on its way to the disk, in a thread that delays neither the stream nor the end of the process."""

    def __init__(self, path: Path, state: StreamState) -> None:
        self.error: Exception | None = None
        self._path, self._state = path, state
        self._thread = threading.Thread(target=self._run, name="state", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether it has finished."""
        return not self._thread.is_alive()

    def wait(self, patience_s: float) -> None:
        """Wait until it has finished, at most `timeout_s`."""
        self._thread.join(patience_s)

    def _run(self) -> None:
        try:
            write_state(self._path, self._state)
        except (OutputError, MemoryError) as error:
            self.error = error
