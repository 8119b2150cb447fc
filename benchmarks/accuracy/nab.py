"""NAB: fit each series on its probationary period, score the rest in order.

The protocol's probationary period is the first 15 % of the rows, at most 750. Labels are windows around events,
used only for the figures (Lavin and Ahmad, 2015, Evaluating real-time anomaly detection algorithms).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy.accuracy_result import Accuracy, Rows, mean, percent, spread
from benchmarks.accuracy.alarm_runs import WEEK_S, FalseAlarms, heading
from benchmarks.accuracy.counts import Counts
from benchmarks.accuracy.learnt_detector import Learnt
from benchmarks.accuracy.methods import METHODS, Method, methods
from benchmarks.accuracy.nab_alarms import alarm_scores
from benchmarks.accuracy.nab_score import ScoredSeries, probation_of, score_at, standard_score, windows_of
from benchmarks.accuracy.outcome import Outcome, pooled, roc_auc
from benchmarks.accuracy.real_path import part_of
from edge_runtime.errors import RecordingError
from training.recordings import Columns, Recording, read_recording

ROW_S = 300.0
WHOLE_COLLECTION = 58
"""Series in NAB v1.1."""
# The next number above 1: NAB's rule alarms at the threshold, saelite above it.
_ABOVE_ONE = float(np.nextafter(np.float32(1.0), np.float32(2.0)))
PUBLISHED = (("HTM", 70.0), ("KNN-CAD", 58.0), ("Random cut forest", 51.7))
"""Detector and its standard score on the whole of NAB, as its leaderboard has them."""


@dataclass(frozen=True)
class SeriesOutcome:
    """What one method did on one series.

    Parameters
    ----------
    outcome : Outcome
        Rows after the probationary period.
    windows_hit, windows : int
        Labelled windows with an alarm row in them, and all of them.
    """

    outcome: Outcome
    windows_hit: int
    windows: int


@dataclass(frozen=True)
class NabSummary:
    """A method's figures over all series, one per seed.

    Parameters
    ----------
    method : str
    roc_auc : tuple of float
        Mean over the series that have both kinds of rows.
    standard_score, own_score : tuple of float
        NAB's, by the best threshold for the whole corpus and by each file's own.
    alarm_score, own_alarm_score : tuple of float
        The same with runs of rows counted as one alarm, see `benchmarks.accuracy.nab_alarms`.
    windows_hit : tuple of float
        Share.
    far : tuple of float
    alarms_a_week : tuple of float
        Runs of alarm rows outside windows.
    """

    method: str
    roc_auc: tuple[float, ...]
    standard_score: tuple[float, ...]
    own_score: tuple[float, ...]
    alarm_score: tuple[float, ...]
    own_alarm_score: tuple[float, ...]
    windows_hit: tuple[float, ...]
    far: tuple[float, ...]
    alarms_a_week: tuple[float | None, ...]


def recordings(folder: Path) -> list[Recording]:
    """Return every series, named by its folder and file.

    Raises
    ------
    RecordingError
        If there is none.
    """
    files = sorted(folder.rglob("*.csv"))
    if not files:
        raise RecordingError(
            f"{folder} has no CSV file. Expected NAB's folders, such as realAWSCloudwatch, with columns timestamp, "
            "value and anomaly."
        )
    return [replace(read_recording(file, Columns(label="anomaly")), name=f"{file.parent.name}/{file.stem}")
            for file in files]  # fmt: skip


def measure(
    found: Iterable[Recording], seeds: Iterable[int], on_step: Callable[[str], None] = lambda _: None
) -> Accuracy:
    """Return what every method does on each series."""
    results: list[SeriesOutcome] = []
    ready: list[tuple[str, Method]] = []
    scored: dict[tuple[str, int], list[ScoredSeries]] = {}
    names = set()
    for recording in found:
        names.add(recording.name)
        for seed in seeds:
            on_step(f"{recording.name}, seed {seed}")
            for method in methods(part_of(recording, probation_of(len(recording.values))), seed):
                series = _series(recording, method)
                results.append(_outcome(recording.name, method, seed, series))
                scored.setdefault((method.name, seed), []).append(series)
                ready.append((recording.name, method))
    is_whole = len(names) == WHOLE_COLLECTION
    rows = summary(results, scored)
    tables = (("All series:", table(rows, is_whole=is_whole)), ("ROC-AUC of each series:", series_table(results)))
    return Accuracy("NAB", is_whole, tables, tuple(results), tuple(rows), Learnt.of(ready))


def _series(recording: Recording, method: Method) -> ScoredSeries:
    labels = np.zeros(len(recording.values), bool) if recording.labels is None else recording.labels
    return ScoredSeries(method.relative_scores(recording), labels, probation_of(len(labels)))


def _outcome(name: str, method: Method, seed: int, series: ScoredSeries) -> SeriesOutcome:
    scores, labels = series.scores[series.probation :], series.labels[series.probation :]
    alarms = scores > 1.0
    windows = windows_of(labels)
    hit = sum(bool(alarms[start:stop].any()) for start, stop in windows)
    runs = FalseAlarms.of(alarms, labels, ROW_S)
    outcome = Outcome(
        name, method.name, seed, Counts.of(labels, alarms), runs, method.promised_far, roc_auc(labels, scores)
    )
    return SeriesOutcome(outcome, hit, len(windows))


def summary(results: list[SeriesOutcome], scored: dict[tuple[str, int], list[ScoredSeries]]) -> list[NabSummary]:
    """Return one row per method."""
    return [_summed(method, results, scored) for method in METHODS]


def _summed(method: str, results: list[SeriesOutcome], scored: dict[tuple[str, int], list[ScoredSeries]]) -> NabSummary:
    seeds = sorted(seed for name, seed in scored if name == method)
    mine = [[one for one in results if (one.outcome.method, one.outcome.seed) == (method, seed)] for seed in seeds]
    alarms = [alarm_scores(scored[method, seed]) for seed in seeds]
    rates = [pooled(one.outcome for one in by_seed)[0] for by_seed in mine]
    return NabSummary(
        method,
        roc_auc=tuple(mean(one.outcome.roc_auc for one in by_seed) or 0.0 for by_seed in mine),
        standard_score=tuple(standard_score(scored[method, seed]).score for seed in seeds),
        own_score=tuple(score_at(scored[method, seed], _ABOVE_ONE).score for seed in seeds),
        alarm_score=tuple(one.best.score for one in alarms),
        own_alarm_score=tuple(one.at(_ABOVE_ONE).score for one in alarms),
        windows_hit=tuple(
            sum(one.windows_hit for one in by_seed) / max(sum(one.windows for one in by_seed), 1) for by_seed in mine
        ),
        far=tuple(counts.far for counts, _ in rates),
        alarms_a_week=tuple(false_alarms.per(WEEK_S) for _, false_alarms in rates),
    )


def table(rows: list[NabSummary], *, is_whole: bool) -> Rows:
    """Return one row per method, means and spread over the seeds; published scores beside the whole collection."""
    shown: Rows = [
        (
            "method",
            "ROC-AUC",
            "NAB score",
            "own threshold",
            "NAB score of alarms",
            "own threshold",
            "windows hit",
            "FAR",
            heading(WEEK_S),
        )
    ]
    for one in rows:
        scores = (one.standard_score, one.own_score, one.alarm_score, one.own_alarm_score)
        nab = (spread(by_seed, ".1f") for by_seed in scores)
        rates = (percent(mean(share)) for share in (one.windows_hit, one.far))
        shown.append((one.method, spread(one.roc_auc), *nab, *rates, spread(one.alarms_a_week, ".1f")))
    if is_whole:
        shown += [(f"{name} (published)", "", f"{score:.1f}", "", "", "", "", "", "") for name, score in PUBLISHED]
    return shown


def series_table(results: list[SeriesOutcome]) -> Rows:
    """Return every method's ROC-AUC on each series that has both kinds of rows."""
    rows: Rows = [("series", *METHODS)]
    outcomes = [one.outcome for one in results if one.outcome.roc_auc is not None]
    for name in dict.fromkeys(one.recording for one in outcomes):
        mine = [one for one in outcomes if one.recording == name]
        rows.append((name, *(spread(one.roc_auc for one in mine if one.method == method) for method in METHODS)))
    return rows
