"""A recording and a detector's results on it, collected for a report."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import BoolArray, FloatArray, IntArray
from edge_runtime.inference.detector import Detector
from edge_runtime.replay.recording_scores import RecordingScores, ScoredRows, ScoreRequest, ScoreSummary
from edge_runtime.streaming.alarm_events import AlarmEvent
from edge_runtime.tables.open_table import open_table

FAULT_COLUMN = "fault"
Shares = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class ScoredRecording:
    """What came of a recording, one entry per window.

    Parameters
    ----------
    rows : ndarray of shape (n,), int64
        Row each window ends with.
    times : ndarray of shape (n,), float64
        Seconds; row numbers without a time.
    scores : ndarray of shape (n,), float32
    anomalies : ndarray of shape (n,), bool
    alarm_numbers : ndarray of shape (n,), int64
        Which alarm each window is part of, counted from 1; 0 for none.
    labels : ndarray of shape (n,), bool, or None
    faults : ndarray of shape (n,), str, or None
        Where the recording has a column ``fault``.
    events : tuple of AlarmEvent
    blame : dict
        Shares of the score by alarm number, and by ``("fault", first window)`` of each fault.
    has_time : bool
    summary : ScoreSummary
    """

    rows: IntArray
    times: npt.NDArray[np.float64]
    scores: FloatArray
    anomalies: BoolArray
    alarm_numbers: IntArray
    labels: BoolArray | None
    faults: npt.NDArray[np.str_] | None
    events: tuple[AlarmEvent, ...]
    blame: dict[Hashable, Shares]
    has_time: bool
    summary: ScoreSummary


def scored_recording(detector: Detector, path: Path, request: ScoreRequest) -> ScoredRecording:
    """Score a recording, in memory that grows with its windows but not with its sensors.

    Raises
    ------
    RecordingError
        See `edge_runtime.replay.recording_scores.RecordingScores`.
    """
    with open_table(path) as table:
        has_faults = FAULT_COLUMN in table.header.names
        scores = RecordingScores(detector, table, replace(request, texts=(FAULT_COLUMN,) if has_faults else ()))
        gathered = _Gathered(detector.sensor_names, has_faults=has_faults)
        for block in scores.blocks():
            gathered.add(block)
    return gathered.done(scores)


class _Gathered:
    def __init__(self, sensors: tuple[str, ...], *, has_faults: bool) -> None:
        self._sensors, self._has_faults = sensors, has_faults
        self._blocks: list[tuple[npt.NDArray[np.generic], ...]] = []
        self._labels: list[BoolArray] = []
        self._faults: list[str] = []
        self._sums: dict[Hashable, FloatArray] = {}
        self._fault = ("", 0)
        self._seen = 0

    def add(self, block: ScoredRows) -> None:
        """Keep what is drawn, and sum up who is to blame."""
        numbers, results = block.alarm_numbers, block.results
        self._blocks.append((block.numbers, results.times, results.scores, results.anomalies, numbers))
        if block.labels is not None:
            self._labels.append(block.labels)
        contributions = np.maximum(results.contributions, 0.0)
        for number in np.unique(numbers[numbers > 0]).tolist():
            self._sum(number, contributions[numbers == number])
        self._add_faults(block, contributions)
        self._seen += len(numbers)

    def _add_faults(self, block: ScoredRows, contributions: FloatArray) -> None:
        if self._has_faults:
            names = [cell.strip() for cell in block.texts[0]]
            self._faults += names
        elif block.labels is not None:
            names = ["labelled" if label else "" for label in block.labels.tolist()]
        else:
            return
        keys = []
        for row, name in enumerate(names):
            if name != self._fault[0]:
                self._fault = (name, self._seen + row)
            keys.append(self._fault[1])
        of, labelled = np.array(keys), np.array([bool(name) for name in names], bool)
        for first in np.unique(of[labelled]).tolist():
            self._sum(("fault", first), contributions[labelled & (of == first)])

    def _sum(self, key: Hashable, contributions: FloatArray) -> None:
        total = contributions.sum(axis=0, dtype=np.float64)
        self._sums[key] = self._sums[key] + total if key in self._sums else total

    def done(self, scores: RecordingScores) -> ScoredRecording:
        """Return all of it."""
        rows, times, values, anomalies, numbers = (np.concatenate(column) for column in zip(*self._blocks, strict=True))
        return ScoredRecording(
            rows=rows,
            times=times,
            scores=values,
            anomalies=anomalies,
            alarm_numbers=numbers,
            labels=np.concatenate(self._labels) if self._labels else None,
            faults=np.array(self._faults, np.str_) if self._has_faults else None,
            events=tuple(scores.events),
            blame={key: self._shares(total) for key, total in self._sums.items()},
            has_time=scores.has_time,
            summary=scores.summary,
        )

    def _shares(self, total: FloatArray) -> Shares:
        whole = float(total.sum())
        order = np.argsort(-total, kind="stable")
        return tuple((self._sensors[sensor], float(total[sensor]) / whole) for sensor in order if total[sensor] > 0)
