"""What a worker does to score one asset."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edge_runtime.common.durations import UNITS
from edge_runtime.errors import SaeliteError
from edge_runtime.inference.detector import Detector
from edge_runtime.inference.opening import Opening
from edge_runtime.replay.recording_scores import RecordingScores, ScoredRows, ScoreRequest
from edge_runtime.streaming.monitor_settings import MonitorSettings
from edge_runtime.tables.row_range import RowRange
from edge_runtime.tables.table import Table
from edge_runtime.tables.time_text import NUMBER
from saelite.fleet.assets import Asset
from saelite.fleet.data_files import is_url
from saelite.fleet.joined_table import JoinedTable, Part
from saelite.fleet.score_outcome import FAILED, SCORED, ScoreOutcome
from saelite.fleet.scores_parquet import ScoresParquet
from saelite.fleet.written_place import written_to


@dataclass(frozen=True)
class ScoreSettings:
    """How to score each asset.

    Parameters
    ----------
    rows : RowRange
        Rows to give results for.
    label : str or None
    explain : bool
        Whether to write contributions and expected values.
    monitor : MonitorSettings
    opening : Opening
    """

    rows: RowRange = field(default_factory=RowRange)
    label: str | None = None
    explain: bool = False
    monitor: MonitorSettings = field(default_factory=MonitorSettings)
    opening: Opening = field(default_factory=Opening)

    @property
    def watching(self) -> MonitorSettings:
        """How the readings are watched."""
        return replace(self.monitor, explain="always" if self.explain else "blame", drift=False)


class ScoreItem(NamedTuple):
    """One asset's work.

    Parameters
    ----------
    asset : Asset
    model : str
        Place of its model file, for messages.
    content : bytes
        The file.
    output : Path or str
        Where its scores go: a path, or a URL.
    """

    asset: Asset
    model: str
    content: bytes
    output: Path | str


@dataclass(frozen=True)
class AssetScoring:
    """The task of scoring assets.

    Parameters
    ----------
    settings : ScoreSettings
    """

    settings: ScoreSettings

    def __call__(self, items: Sequence[ScoreItem]) -> list[ScoreOutcome]:
        """Score some assets; what is wrong with one is its outcome."""
        return [self._scored(item) for item in items]

    def _scored(self, item: ScoreItem) -> ScoreOutcome:
        began_s = time.process_time()
        try:
            outcome = score_asset(item, self.settings)
        except SaeliteError as error:
            outcome = ScoreOutcome(item.asset.name, FAILED, str(error))
        return replace(outcome, cpu_s=round(time.process_time() - began_s, 3))


def score_asset(item: ScoreItem, settings: ScoreSettings) -> ScoreOutcome:
    """Write an asset's scores, and return what came of it.

    Raises
    ------
    SaeliteError
        If its recording or its model cannot be used, or its scores cannot be written.
    """
    detector = _opened(settings.opening, item.model, item.content)
    notices: list[str] = []
    with _table(item.asset) as table:
        request = ScoreRequest(
            settings.rows.rows_in(table), settings.label, written_times=False, monitor=settings.watching
        )
        scores = RecordingScores(detector, table, request, notices.append)
        column = table.header.time_column
        kind = NUMBER if column is None else table.time_kind(column)
        peak = Peak()
        form = ScoresParquet(detector.sensor_names, column, kind, explained=settings.explain)
        with written_to(item.output) as path:
            form.write(scores, path, peak.see)
    outcome = _outcome(item.asset.name, scores, peak)
    return replace(outcome, is_clock=kind != NUMBER, notices="; ".join(notices))


@lru_cache(maxsize=1)
def _opened(opening: Opening, model: str, content: bytes) -> Detector:
    return opening.open(Path(model), content)


@contextmanager
def _table(asset: Asset) -> Iterator[Table]:
    if not any(map(is_url, asset.files)):
        with JoinedTable(asset.name, [Part(Path(file), file) for file in asset.files]) as table:
            yield table
        return
    with asset.local() as folder:
        pairs = zip(sorted(folder.iterdir()), asset.files, strict=True)
        with JoinedTable(asset.name, [Part(path, file) for path, file in pairs]) as table:
            yield table


@dataclass
class Peak:
    """The highest score so far, and its threshold."""

    score: float | None = None
    threshold: float | None = None

    def see(self, block: ScoredRows) -> None:
        """Look at some more scores."""
        scores = block.results.scores
        if not len(scores):
            return
        worst = int(np.argmax(scores))
        if self.score is None or scores[worst] > self.score:
            self.score, self.threshold = float(scores[worst]), float(block.results.thresholds[worst])


def _outcome(asset: str, scores: RecordingScores, peak: Peak) -> ScoreOutcome:
    summary = scores.summary
    starts = [event for event in scores.events if event.name == "alarm_started"]
    ends = [event for event in scores.events if event.name == "alarm_ended"]
    # An alarm's end knows the blame of all of it.
    told = [*ends, *(starts[len(ends) :] if len(starts) > len(ends) else [])]
    blamed = Counter(event.sensors[0] for event in told if event.sensors)
    return ScoreOutcome(
        asset=asset,
        status=SCORED,
        rows=summary.rows,
        windows=summary.windows,
        anomalies=summary.anomalies,
        alarms=summary.alarms,
        alarms_per_day=summary.alarms * UNITS["d"] / summary.watched_s if summary.watched_s > 0 else None,
        highest_score=peak.score,
        threshold=peak.threshold,
        first_alarm=starts[0].time_s if starts else None,
        last_alarm=starts[-1].time_s if starts else None,
        most_blamed=blamed.most_common(1)[0][0] if blamed else "",
        repaired=summary.repaired,
        left_out=summary.left_out,
        off=summary.off,
        breaks=summary.breaks,
    )
