"""Scores of many assets: printed, a table of their alarms, those first that alarm the most."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.common.counted import counted
from edge_runtime.streaming.results import time_text
from saelite.console_tables import table
from saelite.fleet.score_outcome import SCORED, ScoreOutcome, summary_of
from saelite.fleet.scores_place import ScoresPlace, scores_place

if TYPE_CHECKING:
    import polars as pl

_SHOWN = 20
_REASON = 90
_HEAD = ("asset", "status", "rows", "windows", "alarms", "a day", "highest", "first alarm", "last alarm", "blamed")


@dataclass(frozen=True, repr=False)
class FleetScores:
    """Scores of many assets; the printed form is a table of alarms.

    Parameters
    ----------
    path : Path or str
        The folder of the scores, or its URL.
    outcomes : tuple of ScoreOutcome
        Sorted by asset.
    """

    path: Path | str
    outcomes: tuple[ScoreOutcome, ...]

    @classmethod
    def read(cls, path: str | Path) -> FleetScores:
        """Return the scores in a folder, or at a URL.

        Raises
        ------
        RecordingError
            If there are none.
        """
        place = scores_place(path)
        return cls(place.path, place.outcomes())

    @cached_property
    def _place(self) -> ScoresPlace:
        # A bucket is opened once, not for every asset.
        return scores_place(self.path)

    @property
    def frame(self) -> pl.DataFrame:
        """The summary as a polars data frame, a row for each asset; the contents of ``summary.parquet``."""
        return summary_of(self.outcomes)

    def scores(self, asset: str) -> Path | str:
        """Return the Parquet file with the scores of an asset: its path, or its URL."""
        return self._place.scores(asset)

    @property
    def summary(self) -> str:
        """One line: how many assets have scores, and how many alarms there are."""
        count = Counter(one.status for one in self.outcomes)
        parts = [f"{count[SCORED]:,} of {counted(len(self.outcomes), 'asset')} scored"]
        parts += [f"{count[status]:,} {status}" for status in sorted(count) if status != SCORED]
        alarming = sum(one.alarms > 0 for one in self.outcomes)
        parts += [f"{counted(sum(one.alarms for one in self.outcomes), 'alarm')} of {counted(alarming, 'asset')}"]
        parts += [f"{counted(sum(one.rows for one in self.outcomes), 'row')}"]
        cpu_s = sum(one.cpu_s for one in self.outcomes)
        return f"{self.path}: {'; '.join(parts)}; {cpu_s:,.1f} CPU seconds"

    def __repr__(self) -> str:
        worst = sorted(self.outcomes, key=lambda one: (-one.alarms, one.status == SCORED, one.asset))
        if not worst:
            return self.summary
        lines = [self.summary, "", table([_HEAD, *map(_cells, worst[:_SHOWN])], header=True)]
        if len(worst) > _SHOWN:
            lines.append(f"… and {len(worst) - _SHOWN:,} more, in {self._place.summary}")
        return "\n".join([*lines, *_reasons(self.outcomes)])


def _reasons(outcomes: tuple[ScoreOutcome, ...]) -> list[str]:
    """Return why assets have no scores, a line each."""
    without = [one for one in outcomes if one.status != SCORED]
    lines = [f"{one.asset}: {one.reason}" for one in without[:_SHOWN]]
    return ["", *lines, *([f"… and {len(without) - _SHOWN:,} more"] if len(without) > _SHOWN else [])] if lines else []


def _cells(one: ScoreOutcome) -> tuple[str, ...]:
    rate = "–" if one.alarms_per_day is None else f"{one.alarms_per_day:.3g}"
    highest = "–" if one.highest_score is None else f"{one.highest_score:.3g}"
    moments = [_moment(one, time) for time in (one.first_alarm, one.last_alarm)]
    numbers = (f"{one.rows:,}", f"{one.windows:,}", f"{one.alarms:,}")
    return (one.asset, one.status, *numbers, rate, highest, *moments, one.most_blamed or "–")


def _moment(one: ScoreOutcome, time: float | None) -> str:
    if time is None or not np.isfinite(time):
        return "–"
    return time_text(time) if one.is_clock else f"{time:.10g}"
