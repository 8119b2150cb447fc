"""Saves what a running stream remembers, again and again."""

from __future__ import annotations

import glob
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from edge_runtime.errors import OutputError
from edge_runtime.running.every import Every
from edge_runtime.streaming.state import StateError, read_state, write_state
from edge_runtime.streaming.stream import Stream

_SAVE_S = 0.5


class StateKeeper:
    """Keeps the state of a stream in a file that is never older than an interval, while the disk keeps up.

    A save begins before the state before it is too old: by the time that saving takes, half a second or half the
    interval. The disk has a thread of its own, as an SD card may take seconds over one sync: no reading waits for it.

    Parameters
    ----------
    path : Path
    interval_s : float
    stream : Stream
    """

    def __init__(self, path: Path, interval_s: float, stream: Stream) -> None:
        self._path, self._stream = path, stream
        self._every = Every(interval_s - min(_SAVE_S, interval_s / 2))
        self._thread = ThreadPoolExecutor(1, "state")
        self._writing: Future[None] | None = None

    @property
    def left_s(self) -> float:
        """Seconds until the next save."""
        return self._every.left_s

    def restore(self) -> None:
        """Go on from the state in the file, if there is one.

        Raises
        ------
        OutputError
            If the place cannot be written: that is to be known at the start, not after an interval.
        """
        self._clear_up()
        try:
            state = read_state(self._path)
        except StateError as error:
            # A device must start: what was remembered is worth less than what comes.
            self._stream.notices.once("state", f"{error} It is not used.")
        else:
            if state is not None:
                self._stream.restore(state)
        write_state(self._path, self._stream.state)

    def look(self) -> None:
        """Save if it is due, unless the disk is still busy with the state before."""
        if self._every.due() and (self._writing is None or self._writing.done()):
            self._report()
            self._writing = self._thread.submit(write_state, self._path, self._stream.state)

    def close(self) -> None:
        """Save for the last time."""
        self._report()
        self._writing = self._thread.submit(write_state, self._path, self._stream.state)
        self._report()
        self._thread.shutdown()

    def _report(self) -> None:
        try:
            if self._writing is not None:
                self._writing.result()
        except OutputError as error:
            self._stream.notices.once("state file", f"{error} The stream goes on.")

    def _clear_up(self) -> None:
        """Remove what was half written when a run was killed."""
        for rest in self._path.parent.glob(f".{glob.escape(self._path.name)}.*.part"):
            with suppress(OSError):
                rest.unlink()
