"""Collects what a machine does while it is commissioned: its readings, and for how long it has been watched."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_runtime.refitting.journal import Journal, Record
from edge_runtime.refitting.normal_readings import MOST_BYTES, NormalReadings, Shape
from edge_runtime.signal.cycle import Course, without_course
from edge_runtime.signal.intake import Stretch
from edge_runtime.streaming.alarm_rate import WatchedTime


class Learner:
    """Remembers readings in memory and in a file, until the machine was watched long enough.

    Parameters
    ----------
    path : Path
        The file; what it holds already counts.
    sensors : tuple of str
    shape : Shape
        Windows of the model.
    learn_s : float
        How long to watch, without gaps and without time while the machine is off.
    course : Course, optional
        What the model takes away from readings. It stays the maker's: to find it again would take as many whole days.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """

    def __init__(
        self, path: Path, sensors: tuple[str, ...], shape: Shape, learn_s: float, course: Course | None = None
    ) -> None:
        self._journal, self._learn_s, self._course = Journal(path, sensors), learn_s, course
        self._watched, self._waiting = WatchedTime(), list[Record]()
        self._follows = self._is_behind = False
        self.readings = NormalReadings(shape)
        for record in self._journal.read():
            self.readings.add(record.values, follows=record.follows)
            self._watched.total_s = record.watched_s

    @property
    def progress(self) -> float:
        """Share of the time that has passed, from 0 to 1."""
        return min(self._watched.total_s / self._learn_s, 1.0)

    def take(self, stretch: Stretch) -> None:
        """Remember the readings of a stretch."""
        follows = self._follows and stretch.follows
        if not follows:
            self._watched.pause()
        self._follows = True
        self._watched.add(stretch.rows.times)
        values = np.array(without_course(stretch.rows.values, stretch.rows.times, self._course), np.float32)
        self.readings.add(values, follows=follows)
        self._waiting.append(Record(values, follows, self._watched.total_s))

    def pause(self) -> None:
        """Let the next reading follow none, as while the machine is off."""
        self._follows = False

    def save(self) -> None:
        """Write what is not in the file yet.

        Raises
        ------
        OutputError
                If it cannot be written; the next time the whole file is.
        """
        waiting, self._waiting = self._waiting, []
        is_behind, self._is_behind = self._is_behind, True
        if is_behind or self._journal.n_bytes > 2 * MOST_BYTES:
            total_s = self._watched.total_s
            self._journal.rewrite([Record(values, follows, total_s) for values, follows in self.readings.pieces()])
        elif waiting:
            self._journal.append(_joined(waiting))
        self._is_behind = False


def _joined(records: list[Record]) -> list[Record]:
    """Return records of which none follows the one before: readings that arrive one by one share a header."""
    joined: list[list[Record]] = []
    for record in records:
        if joined and record.follows:
            joined[-1].append(record)
        else:
            joined.append([record])
    return [Record(np.concatenate([one.values for one in run]), run[0].follows, run[-1].watched_s) for run in joined]
