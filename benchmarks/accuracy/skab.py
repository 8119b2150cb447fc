"""SKAB: fit each file on its first 400 rows, score the later ones, pool all files' rows into one F1, FAR and MAR.

The protocol is the leaderboard's (Katser and Kozitsin, 2020, Skoltech Anomaly Benchmark). Labels are used
only for the figures, and rows are scored in order, each from itself and earlier ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy.accuracy_result import Accuracy, Rows, digits, mean, percent, spread
from benchmarks.accuracy.alarm_runs import HOUR_S, FalseAlarms, Flags, heading
from benchmarks.accuracy.counts import Counts
from benchmarks.accuracy.learnt_detector import Learnt
from benchmarks.accuracy.methods import Method, methods
from benchmarks.accuracy.outcome import Outcome, pooled
from benchmarks.accuracy.real_path import part_of
from edge_runtime.errors import RecordingError
from training.recordings import Columns, Recording, read_recording

TRAIN_ROWS = 400
ROW_S = 1.0
NORMAL_FOLDER = "anomaly-free"
# Normal stretches are as long as the recordings with anomalies; otherwise drift over hours would be measured too.
NORMAL_ROWS = 1150
ALWAYS = "always alarm"
PUBLISHED = (
    ("Conv-AE", 0.78, 0.1355, 0.2802),
    ("MSET", 0.78, 0.3973, 0.1413),
    ("T-squared + Q (PCA)", 0.76, 0.2662, 0.2492),
    ("LSTM-AE", 0.74, 0.2996, 0.2592),
    ("T-squared", 0.66, 0.1921, 0.4260),
    ("LSTM-VAE", 0.56, 0.0913, 0.5503),
    ("Vanilla LSTM", 0.54, 0.1254, 0.5953),
    ("Vanilla AE", 0.39, 0.0259, 0.7515),
    ("Isolation forest", 0.29, 0.0256, 0.8289),
)
"""Method, F1, FAR and MAR of SKAB v0.9's leaderboard for outliers, rows after the first 400 alone."""
WHOLE_COLLECTION = (34, 23_801)
"""Recordings with anomalies in SKAB v0.9, and their rows after the first 400."""


def recordings(folder: Path) -> list[Recording]:
    """Return every recording, named by its folder and file; a normal one in stretches, without labels.

    Raises
    ------
    RecordingError
        If there is none.
    """
    files = sorted(folder.rglob("*.csv"), key=lambda file: (file.parent.name, len(file.stem), file.stem))
    if not files:
        raise RecordingError(f"{folder} has no CSV file. Expected the folders of SKAB, such as valve1/0.csv.")
    found = []
    for file in files:
        whole = read_recording(file, Columns(exclude=() if file.parent.name == NORMAL_FOLDER else ("changepoint",)))
        whole = replace(whole, name=f"{file.parent.name}/{file.stem}")
        rows = len(whole.values)
        step = NORMAL_ROWS if whole.labels is None else rows
        found += [part_of(whole, start + step, start) for start in range(0, rows - step + 1, step)]
    return found


def is_whole(results: Iterable[Outcome]) -> bool:
    """Return whether these are the outcomes of the whole collection, the only ones comparable with the leaderboard."""
    rows = {one.recording: one.counts.rows for one in results if one.has_anomalies}
    return (len(rows), sum(rows.values())) == WHOLE_COLLECTION


def measure(
    found: Iterable[Recording], seeds: Iterable[int], on_step: Callable[[str], None] = lambda _: None
) -> Accuracy:
    """Return the outcome of every method on each recording."""
    results, ready = [], []
    for recording in found:
        for seed in seeds:
            on_step(f"{recording.name}, seed {seed}")
            learnt = methods(part_of(recording, TRAIN_ROWS), seed)
            results += [*(_outcome(recording, one, seed) for one in learnt), _always(recording, seed)]
            ready += [(recording.name, one) for one in learnt]
    tables = (("All rows pooled:", table(results)), ("Each recording:", recording_table(results)))
    return Accuracy("SKAB", is_whole(results), tables, tuple(results), tuple(summary(results)), Learnt.of(ready))


def _outcome(recording: Recording, method: Method, seed: int) -> Outcome:
    return _counted(recording, method.name, seed, method.relative_scores(recording) > 1.0, method.promised_far)


def _always(recording: Recording, seed: int) -> Outcome:
    return _counted(recording, ALWAYS, seed, np.ones(len(recording.values), bool), 1.0)


def _counted(recording: Recording, method: str, seed: int, alarms: Flags, promised: float | None) -> Outcome:
    """Count the rows after those learnt from."""
    whole = np.zeros(len(recording.values), bool) if recording.labels is None else recording.labels
    labels, alarms = whole[TRAIN_ROWS:], alarms[TRAIN_ROWS:]
    runs = FalseAlarms.of(alarms, labels, ROW_S)
    return Outcome(recording.name, method, seed, Counts.of(labels, alarms), runs, promised)


@dataclass(frozen=True)
class Pooled:
    """A method's figures over all rows of some recordings, one per seed; empty if there are no such rows.

    Parameters
    ----------
    f1, far, mar, alarms_an_hour : tuple of float
        On recordings with anomalies.
    normal_far, normal_alarms_an_hour : tuple of float
        On recordings without any.
    """

    method: str
    f1: tuple[float, ...]
    far: tuple[float, ...]
    mar: tuple[float, ...]
    alarms_an_hour: tuple[float | None, ...]
    normal_far: tuple[float, ...]
    normal_alarms_an_hour: tuple[float | None, ...]


def summary(results: list[Outcome]) -> list[Pooled]:
    """Return one row per method."""
    return [_pool(method, [one for one in results if one.method == method]) for method in _methods(results)]


def _pool(method: str, results: list[Outcome]) -> Pooled:
    anomalous = pooled(one for one in results if one.has_anomalies)
    normal = pooled(one for one in results if not one.has_anomalies)
    return Pooled(
        method,
        f1=tuple(counts.f1 for counts, _ in anomalous),
        far=tuple(counts.far for counts, _ in anomalous),
        mar=tuple(counts.mar for counts, _ in anomalous),
        alarms_an_hour=tuple(alarms.per(HOUR_S) for _, alarms in anomalous),
        normal_far=tuple(counts.far for counts, _ in normal),
        normal_alarms_an_hour=tuple(alarms.per(HOUR_S) for _, alarms in normal),
    )


def _methods(results: list[Outcome]) -> list[str]:
    return list(dict.fromkeys(one.method for one in results))


def table(results: list[Outcome]) -> Rows:
    """Return one row per method: figures pooled over the recordings with anomalies, and over the normal ones.

    The leaderboard's rows follow where the whole collection was given.
    """
    alarms = heading(HOUR_S)
    rows: Rows = [("method", "F1 ± seeds", "FAR", "MAR", alarms, "FAR normal-only", f"{alarms}, normal-only")]
    for one in summary(results):
        far, mar, normal = (percent(mean(rates)) for rates in (one.far, one.mar, one.normal_far))
        often, normal_often = (spread(rates, ".1f") for rates in (one.alarms_an_hour, one.normal_alarms_an_hour))
        rows.append((one.method, spread(one.f1), far, mar, often, normal, normal_often))
    if is_whole(results):
        rows += [
            (f"{name} (published)", f"{f1:.2f}", percent(far), percent(mar), "", "", "")
            for name, f1, far, mar in PUBLISHED
        ]
    return rows


def recording_table(results: list[Outcome]) -> Rows:
    """Return every method's F1 on each recording, its false-alarm rate on normal ones; means over the seeds."""
    shown = [method for method in _methods(results) if method != ALWAYS]
    rows: Rows = [("recording", "figure", *shown)]
    for name, has_anomalies in dict.fromkeys((one.recording, one.has_anomalies) for one in results):
        mine = [one for one in results if one.recording == name]
        rate, show = ("f1", digits) if has_anomalies else ("far", percent)
        means = (mean(getattr(one.counts, rate) for one in mine if one.method == method) for method in shown)
        rows.append((name, rate.upper(), *(show(value) for value in means)))
    return rows
