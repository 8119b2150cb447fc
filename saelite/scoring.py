"""Scores of a whole recording: what `saelite.score` does, and `saelite score` writes as a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, IntArray, Times
from edge_runtime.inference.detector import Detector
from edge_runtime.replay.recording_scores import RecordingScores, ScoreRequest, ScoreSummary
from edge_runtime.streaming.alarm_events import AlarmEvent
from edge_runtime.streaming.monitor_settings import MonitorSettings
from edge_runtime.tables.open_table import open_table
from edge_runtime.tables.row_range import RowRange
from training.recordings.column_table import ColumnTable, rows_of

if TYPE_CHECKING:
    from training.recordings.column_table import InMemory


@dataclass(frozen=True, repr=False)
class Scored:
    """What a detector says of a recording, one entry for each window; printed, how often it alarmed.

    Parameters
    ----------
    rows : ndarray of shape (n,), int64
        The row each window ends with, counted from 0.
    times : ndarray of shape (n,), float64
        Its time in seconds; the row where the recording has no time.
    scores, thresholds : ndarray of shape (n,), float32
        Smoothed scores, higher is more anomalous, and their limits.
    alarms : ndarray of shape (n,), bool
    contributions : ndarray of shape (n, sensors), float32
        Each sensor's share of the score; no sensors unless they were asked for.
    levels, expected : ndarray of shape (n, sensors), float32
        Each sensor's mean over the window, and what all other sensors lead to expect; likewise.
    labels : ndarray of shape (n,), bool, or None
        What the recording says itself.
    events : tuple of AlarmEvent
        Starts and ends of alarms, with the sensors to blame: their values and what was expected.
    summary : ScoreSummary
    """

    rows: IntArray
    times: Times
    scores: FloatArray
    thresholds: FloatArray
    alarms: BoolArray
    contributions: FloatArray
    levels: FloatArray
    expected: FloatArray
    labels: BoolArray | None
    events: tuple[AlarmEvent, ...]
    summary: ScoreSummary

    @property
    def anomalies(self) -> BoolArray:
        """Which scores are above the threshold, shape (n,)."""
        return np.asarray(self.scores > self.thresholds)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return self.summary.text()


def score(
    detector: Detector,
    recording: str | Path | InMemory,
    *,
    rows: str = ":",
    label: str | None = None,
    explain: bool = False,
    settings: MonitorSettings | None = None,
) -> Scored:
    """Score a recording as `saelite run` would have, reading by reading: smoothed, with alarms.

    Parameters
    ----------
    detector : Detector
    recording : str, Path, data frame or array-like of shape (n, sensors)
        Columns are found by name, in any order.
    rows : str
        Rows to give results for, as `saelite.read_recording` takes them; those before them fill the first window.
    label : str, optional
        Column that says whether a row is anomalous; by default one called anomaly, is_anomaly, label or attack.
    explain : bool
        Whether to give each sensor's contribution and expected value.
    settings : MonitorSettings, optional
        Alarms, adaptation, missing values; by default as `saelite score`.

    Raises
    ------
    RecordingError
        If the recording lacks a sensor, or has no complete window.
    """
    monitor = replace(settings or MonitorSettings(), explain="always" if explain else "never", drift=False)
    with open_table(recording) if isinstance(recording, (str, Path)) else ColumnTable(recording) as table:
        request = ScoreRequest(rows_of(RowRange.parse(rows), table), label, monitor=monitor)
        scores = RecordingScores(detector, table, request)
        blocks = list(scores.blocks())
    results = [block.results for block in blocks]
    labels = [block.labels for block in blocks if block.labels is not None]
    return Scored(
        np.concatenate([block.numbers for block in blocks]),
        np.concatenate([one.times for one in results]),
        np.concatenate([one.scores for one in results]),
        np.concatenate([one.thresholds for one in results]),
        np.concatenate([one.alarms for one in results]),
        np.concatenate([one.contributions for one in results]),
        np.concatenate([one.levels for one in results]),
        np.concatenate([one.expected for one in results]),
        np.concatenate(labels) if labels else None,
        tuple(scores.events),
        scores.summary,
    )
